//! Exports spans to a collector: OTLP over HTTP, in batches, on separate threads.

use std::{
    fmt::Display,
    panic::resume_unwind,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use opentelemetry::{
    Context, KeyValue, Value,
    trace::{
        Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
        TraceState, TracerProvider,
    },
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchSpanProcessor, SdkTracer, SdkTracerProvider, Span as SdkSpan},
};

use reqwest::blocking::Client;
use rustls::crypto::ring;

use super::variables::Export;
use crate::{context::TraceContext, settings::StartupError};

/// The attribute that a failure is known by.
const ERROR_TYPE: &str = "error.type";

/// How long the end of the process waits for the collector to take the last spans.
const LAST_SPANS: Duration = Duration::from_millis(500);

static EXPORT: OnceLock<(SdkTracerProvider, SdkTracer)> = OnceLock::new();

/// From now on spans are exported, if it is set where to.
///
/// # Errors
/// A variable of OpenTelemetry cannot be honoured.
pub(super) fn start(service: &'static str) -> Result<(), StartupError> {
    let Some(mut export) = Export::read(service)? else { return Ok(()) };
    let http = http_client(&mut export)?;
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(http)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(export.endpoint)
        .with_timeout(export.timeout)
        .with_headers(export.headers);
    if let Some(compression) = export.compression {
        exporter = exporter.with_compression(compression);
    }
    let exporter = exporter.build().map_err(cannot_export)?;
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(export.batch).build();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_sampler(export.sampler)
        .with_resource(Resource::builder().with_attributes(export.attributes).build())
        .build();
    let tracer = provider.tracer("chassis");
    let _ = EXPORT.set((provider, tracer));
    Ok(())
}

fn cannot_export(error: impl Display) -> StartupError {
    StartupError::new(format!("spans cannot be exported: {error}"))
}

/// The client that sends spans.
fn http_client(export: &mut Export) -> Result<Client, StartupError> {
    // reqwest takes this one. It fails only if there is one already.
    let _ = ring::default_provider().install_default();
    let mut client = Client::builder().timeout(export.timeout);
    // An http:// address works without any certificates.
    if export.trusted.is_some() || !export.endpoint.to_ascii_lowercase().starts_with("https:") {
        client = client.tls_certs_only(export.trusted.take());
    }
    if let Some(identity) = export.identity.take() {
        client = client.identity(identity);
    }
    // A blocking client has a runtime of its own, which must not be made on a thread of ours.
    let client = thread::spawn(|| client.build()).join();
    client.unwrap_or_else(|panic| resume_unwind(panic)).map_err(|error| {
        let advice = "the collector needs certificates that the system trusts: install ca-certificates, or set SSL_CERT_FILE";
        cannot_export(format!("{error}; {advice}"))
    })
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
            baggage: parent.and_then(|parent| parent.baggage.clone()),
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
    let TraceContext { trace_id, span_id, is_sampled, state, .. } = context;
    let flags = if *is_sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    let state = state.as_ref().and_then(|state| state.to_str().ok()?.parse::<TraceState>().ok());
    let trace_id = TraceId::from_bytes(trace_id.to_be_bytes());
    let span_id = SpanId::from_bytes(span_id.to_be_bytes());
    SpanContext::new(trace_id, span_id, flags, is_remote, state.unwrap_or_default())
}
