//! Spans on their way to a collector: OTLP over HTTP, in batches, by threads of its own.

use std::{
    env,
    sync::OnceLock,
    time::{Duration, Instant},
};

use opentelemetry::{
    Context, KeyValue, Value,
    trace::{
        Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
        TraceState, TracerProvider,
    },
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracer, SdkTracerProvider, Span as SdkSpan},
};
use poem::http::{Uri, uri::Scheme};

use crate::{context::TraceContext, settings::StartupError};

/// Says where the collector is; without it there are no spans.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// The attribute that a failure is known by.
const ERROR_TYPE: &str = "error.type";

/// How long the end of the process waits for the collector to take the last spans.
const LAST_SPANS: Duration = Duration::from_millis(500);

static EXPORT: OnceLock<(SdkTracerProvider, SdkTracer)> = OnceLock::new();

/// From now on spans are exported, if it is set where to. How many, how often and as whose, the variables of OpenTelemetry
/// say (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).
///
/// # Errors
/// The collector cannot be reached at such an address.
pub(crate) fn start(service: &'static str) -> Result<(), StartupError> {
    let given = env::var_os(ENDPOINT).filter(|endpoint| !endpoint.is_empty());
    let Some(endpoint) = given else { return Ok(()) };
    let wrong = |cause: &str| {
        StartupError::new(format!(
            "{ENDPOINT} is wrong ({cause}): set it to the address of an OTLP collector, such as \
             http://127.0.0.1:4318, or to nothing."
        ))
    };
    let endpoint = endpoint.into_string().map_err(|_| wrong("it is not UTF-8"))?;
    let scheme = endpoint.parse::<Uri>().map_err(|error| wrong(&error.to_string()))?.into_parts().scheme;
    if scheme != Some(Scheme::HTTP) {
        return Err(wrong("spans are sent over http:// only"));
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .build()
        .map_err(|error| wrong(&error.to_string()))?;
    let mut resource = Resource::builder();
    if env::var_os("OTEL_SERVICE_NAME").is_none_or(|name| name.is_empty()) {
        resource = resource.with_service_name(service);
    }
    let provider =
        SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build();
    let tracer = provider.tracer("chassis");
    let _ = EXPORT.set((provider, tracer));
    Ok(())
}

/// Exports the last spans. Half of the time `until` then is left to the log.
pub(crate) fn stop(until: Instant) {
    let Some((provider, _)) = EXPORT.get() else { return };
    // A failure is logged by the SDK.
    let _ =
        provider.shutdown_with_timeout(LAST_SPANS.min(until.saturating_duration_since(Instant::now()) / 2));
}

/// A span for the collector, which ends when this is dropped. Empty, and small, if no collector is set.
pub(crate) struct Span(Option<Box<SdkSpan>>);

impl Span {
    pub(super) const NONE: Self = Self(None);

    /// Starts a span below `parent`, or a trace. What it is called and has for attributes is asked for only if there is one.
    pub(super) fn start(
        kind: SpanKind,
        parent: Option<&TraceContext>,
        describe: impl FnOnce() -> (String, Vec<KeyValue>),
    ) -> Self {
        let Some((_, tracer)) = EXPORT.get() else { return Self::NONE };
        let (name, attributes) = describe();
        let is_remote = kind == SpanKind::Server;
        let parent =
            parent.map(|parent| Context::new().with_remote_span_context(span_context(parent, is_remote)));
        let builder = SpanBuilder::from_name(name).with_kind(kind).with_attributes(attributes);
        Self(Some(Box::new(builder.start_with_context(tracer, &parent.unwrap_or_default()))))
    }

    /// The place in the trace of what belongs to this span, if there is one, below `parent`.
    pub(super) fn context(&self, parent: Option<&TraceContext>) -> Option<TraceContext> {
        let context = self.0.as_ref()?.span_context();
        Some(TraceContext {
            trace_id: u128::from_be_bytes(context.trace_id().to_bytes()),
            span_id: u64::from_be_bytes(context.span_id().to_bytes()),
            is_sampled: context.is_sampled(),
            state: parent.and_then(|parent| parent.state.clone()),
        })
    }

    pub(super) fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(key, value));
        }
    }

    /// Names a span, possibly of another trace, that did the work of this one.
    pub(crate) fn link(&mut self, context: &TraceContext) {
        if let Some(span) = &mut self.0 {
            span.add_link(span_context(context, false), Vec::new());
        }
    }

    /// Marks the span as failed, without a message: one could quote what a caller sent.
    pub(super) fn fail(&mut self, error_type: impl Into<Value>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(ERROR_TYPE, error_type));
            span.set_status(Status::error(""));
        }
    }
}

fn span_context(context: &TraceContext, is_remote: bool) -> SpanContext {
    let TraceContext { trace_id, span_id, is_sampled, state } = context;
    let flags = if *is_sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    let state = state.as_ref().and_then(|state| state.to_str().ok()?.parse::<TraceState>().ok());
    let trace_id = TraceId::from_bytes(trace_id.to_be_bytes());
    let span_id = SpanId::from_bytes(span_id.to_be_bytes());
    SpanContext::new(trace_id, span_id, flags, is_remote, state.unwrap_or_default())
}
