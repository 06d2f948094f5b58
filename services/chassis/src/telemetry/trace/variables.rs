//! The variables of OpenTelemetry (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/> and
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>): each is honoured, or refused in a sentence that names it. The SDK
//! reads most of them itself, but silently replaces an invalid value with its default.

use std::{collections::HashMap, env, fmt::Display, fs, ops::RangeInclusive, time::Duration};

use opentelemetry::KeyValue;
use opentelemetry_otlp::Compression;
use opentelemetry_sdk::trace::{BatchConfig, BatchConfigBuilder, Sampler};
use percent_encoding::percent_decode_str;
use poem::http::{HeaderName, HeaderValue, Uri, uri::Scheme};
use reqwest::{Certificate, Identity};

use crate::settings::StartupError;

const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const HEADERS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];
const PROTOCOLS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
const TIMEOUTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
const COMPRESSIONS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"];
const CERTIFICATES: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"];
const CLIENT_KEYS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"];
const CLIENT_CERTIFICATES: [&str; 2] =
    ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"];
const QUEUE_SIZE: &str = "OTEL_BSP_MAX_QUEUE_SIZE";
const BATCH_SIZE: &str = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
const RESOURCE_ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// Where a collector is by default.
const DEFAULT_ENDPOINT: &str = "http://localhost:4318";
const DEFAULT_TIMEOUT: u64 = 10_000;
const DEFAULT_QUEUE_SIZE: u64 = 2048;
const DEFAULT_BATCH_SIZE: u64 = 512;

/// The attribute with the name of a service.
const SERVICE_NAME: &str = "service.name";

/// Milliseconds, up to a day.
const MILLISECONDS: RangeInclusive<u64> = 1..=86_400_000;
/// The SDK allocates the whole queue at the start.
const QUEUE_SIZES: RangeInclusive<u64> = 1..=1_048_576;

/// How spans are exported.
pub(super) struct Export {
    pub(super) endpoint: String,
    pub(super) trusted: Option<Certificate>,
    /// The key and the certificate that the exporter shows.
    pub(super) identity: Option<Identity>,
    pub(super) headers: HashMap<String, String>,
    pub(super) timeout: Duration,
    pub(super) compression: Option<Compression>,
    pub(super) sampler: Sampler,
    pub(super) batch: BatchConfig,
    /// With the name of the service.
    pub(super) attributes: Vec<KeyValue>,
}

impl Export {
    /// How the spans of `service` are exported. None if it is not said where to, or that they are not.
    ///
    /// # Errors
    /// A variable cannot be honoured.
    pub(super) fn read(service: &str) -> Result<Option<Self>, StartupError> {
        let Some(endpoint) = endpoint()? else { return Ok(None) };
        check(
            PROTOCOLS,
            |protocol| protocol == "http/protobuf",
            "spans are sent as http/protobuf only",
            "set it to http/protobuf",
        )?;
        check(
            COMPRESSIONS,
            |compression| ["gzip", "none"].contains(&compression),
            "it is neither gzip nor none",
            "set it to one of these",
        )?;
        let of_batch = number("OTEL_BSP_EXPORT_TIMEOUT", MILLISECONDS)?;
        let of_export = first(TIMEOUTS)?.map(|(variable, value)| parsed(variable, &value, MILLISECONDS));
        let of_export = of_export.transpose()?.unwrap_or(DEFAULT_TIMEOUT);
        Ok(Some(Self {
            endpoint,
            trusted: trusted()?,
            identity: identity()?,
            headers: headers()?,
            timeout: Duration::from_millis(of_batch.map_or(of_export, |of_batch| of_batch.min(of_export))),
            compression: first(COMPRESSIONS)?
                .and_then(|(_, value)| (value == "gzip").then_some(Compression::Gzip)),
            sampler: sampler()?,
            batch: batch()?,
            attributes: attributes(service)?,
        }))
    }
}

/// Which headers of a trace are taken from callers and propagated to other services.
#[derive(Clone, Copy, Debug)]
pub(super) struct Propagation {
    /// `traceparent` and `tracestate`.
    pub(super) trace_context: bool,
    /// `baggage`.
    pub(super) baggage: bool,
}

impl Default for Propagation {
    /// The baggage of callers is propagated only if that is enabled.
    fn default() -> Self {
        Self { trace_context: true, baggage: false }
    }
}

impl Propagation {
    /// # Errors
    /// `OTEL_PROPAGATORS` names another.
    pub(super) fn read() -> Result<Self, StartupError> {
        let variable = "OTEL_PROPAGATORS";
        let Some(value) = text(variable)? else { return Ok(Self::default()) };
        let names: Vec<&str> = value.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        match names.iter().find(|name| !["tracecontext", "baggage", "none"].contains(name)) {
            Some(name) => Err(wrong(
                variable,
                format!("{name} is not passed on"),
                "set it to tracecontext, baggage, both with a comma, or none",
            )),
            None => Ok(Self {
                trace_context: names.contains(&"tracecontext"),
                baggage: names.contains(&"baggage"),
            }),
        }
    }
}

/// Where spans are sent. None if they are not.
fn endpoint() -> Result<Option<String>, StartupError> {
    let variable = "OTEL_SDK_DISABLED";
    match text(variable)?.map(|value| value.to_lowercase()).as_deref() {
        Some("true") => return Ok(None),
        Some("false") | None => {}
        Some(_) => return Err(wrong(variable, "it is neither true nor false", "set it to one of these")),
    }
    let variable = "OTEL_TRACES_EXPORTER";
    let is_wanted = match text(variable)?.as_deref() {
        Some("none") => return Ok(None),
        Some("otlp") => true,
        None => false,
        Some(_) => return Err(wrong(variable, "it is neither otlp nor none", "set it to one of these")),
    };
    let Some((variable, endpoint)) = first(ENDPOINTS)? else {
        return Ok(is_wanted.then(|| format!("{DEFAULT_ENDPOINT}/v1/traces")));
    };
    let wrong = |cause: &dyn Display| {
        wrong(variable, cause, "set it to the address of an OTLP collector, such as http://127.0.0.1:4318")
    };
    let uri = endpoint.parse::<Uri>().map_err(|error| wrong(&error))?;
    if ![Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&uri.scheme()) {
        return Err(wrong(&"it begins with neither http:// nor https://"));
    }
    // The address for traces is complete (protocol/exporter, "Endpoint URLs for OTLP/HTTP").
    Ok(Some(match variable == ENDPOINTS[0] {
        true => endpoint,
        false => format!("{}/v1/traces", endpoint.trim_end_matches('/')),
    }))
}

/// The certificate that a collector is trusted by, in place of those that the system trusts.
fn trusted() -> Result<Option<Certificate>, StartupError> {
    let Some((variable, path)) = first(CERTIFICATES)? else { return Ok(None) };
    let certificate = Certificate::from_pem(&file(variable, &path)?).map_err(|_| no_pem(variable))?;
    Ok(Some(certificate))
}

fn identity() -> Result<Option<Identity>, StartupError> {
    let (key, certificate) = match (first(CLIENT_KEYS)?, first(CLIENT_CERTIFICATES)?) {
        (Some(key), Some(certificate)) => (key, certificate),
        (None, None) => return Ok(None),
        (Some((variable, _)), None) => {
            return Err(wrong(variable, "there is no certificate for it", "set both"));
        }
        (None, Some((variable, _))) => return Err(wrong(variable, "there is no key for it", "set both")),
    };
    let pem = [file(key.0, &key.1)?, file(certificate.0, &certificate.1)?].concat();
    Ok(Some(Identity::from_pem(&pem).map_err(|_| no_pem(certificate.0))?))
}

fn file(variable: &str, path: &str) -> Result<Vec<u8>, StartupError> {
    fs::read(path).map_err(|error| wrong(variable, error, "set it to the path of a PEM file"))
}

fn no_pem(variable: &str) -> StartupError {
    wrong(variable, "the file has nothing of this kind in PEM", "set it to the path of a PEM file")
}

/// The headers of each request to the collector. They may be secrets, so no sentence quotes them.
fn headers() -> Result<HashMap<String, String>, StartupError> {
    let Some((variable, value)) = first(HEADERS)? else { return Ok(HashMap::new()) };
    let pairs = pairs(variable, &value)?;
    let is_header =
        |name: &str, value: &str| name.parse::<HeaderName>().is_ok() && value.parse::<HeaderValue>().is_ok();
    if !pairs.iter().all(|(name, value)| is_header(name, value)) {
        return Err(wrong(variable, "a name or a value does not fit into a header", "use visible ASCII"));
    }
    Ok(pairs.into_iter().collect())
}

fn sampler() -> Result<Sampler, StartupError> {
    let variable = "OTEL_TRACES_SAMPLER_ARG";
    let ratio = || {
        let Some(value) = text(variable)? else { return Ok(1.0) };
        let ratio = value.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
        ratio
            .ok_or_else(|| wrong(variable, "it is not a number from 0 to 1", "set it to the share of traces"))
    };
    let below = |root| Sampler::ParentBased(Box::new(root));
    let variable = "OTEL_TRACES_SAMPLER";
    Ok(match text(variable)?.as_deref().unwrap_or("parentbased_always_on") {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => Sampler::TraceIdRatioBased(ratio()?),
        "parentbased_always_on" => below(Sampler::AlwaysOn),
        "parentbased_always_off" => below(Sampler::AlwaysOff),
        "parentbased_traceidratio" => below(Sampler::TraceIdRatioBased(ratio()?)),
        _ => {
            let advice =
                "set it to always_on, always_off or traceidratio, or to one of these behind parentbased_";
            return Err(wrong(variable, "it is not a known sampler", advice));
        }
    })
}

fn batch() -> Result<BatchConfig, StartupError> {
    let queue = number(QUEUE_SIZE, QUEUE_SIZES)?.unwrap_or(DEFAULT_QUEUE_SIZE);
    let batch = number(BATCH_SIZE, QUEUE_SIZES)?;
    if batch.is_some_and(|batch| batch > queue) {
        let cause = format!("it is more than the queue holds, which is {queue}");
        return Err(wrong(BATCH_SIZE, cause, format!("make it smaller, or {QUEUE_SIZE} greater")));
    }
    let batch = batch.unwrap_or(DEFAULT_BATCH_SIZE.min(queue));
    let mut config = BatchConfigBuilder::default()
        .with_max_queue_size(queue as usize)
        .with_max_export_batch_size(batch as usize);
    if let Some(delay) = number("OTEL_BSP_SCHEDULE_DELAY", MILLISECONDS)? {
        config = config.with_scheduled_delay(Duration::from_millis(delay));
    }
    Ok(config.build())
}

/// What the spans of `service` say of it. A name of the service that is set comes before its own.
fn attributes(service: &str) -> Result<Vec<KeyValue>, StartupError> {
    let pairs = text(RESOURCE_ATTRIBUTES)?.map(|value| pairs(RESOURCE_ATTRIBUTES, &value)).transpose()?;
    let mut attributes = HashMap::from([(SERVICE_NAME.to_owned(), service.to_owned())]);
    attributes.extend(pairs.unwrap_or_default());
    attributes.extend(text("OTEL_SERVICE_NAME")?.map(|name| (SERVICE_NAME.to_owned(), name)));
    Ok(attributes.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect())
}

/// The value of `variable`; an empty one counts as unset.
fn text(variable: &'static str) -> Result<Option<String>, StartupError> {
    match env::var(variable) {
        Ok(value) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(wrong(variable, "it is not UTF-8", "write it as text")),
    }
}

/// The first of these that is set, with its value.
fn first(variables: [&'static str; 2]) -> Result<Option<(&'static str, String)>, StartupError> {
    for variable in variables {
        if let Some(value) = text(variable)? {
            return Ok(Some((variable, value)));
        }
    }
    Ok(None)
}

/// Refuses the first of these that is set, unless `is_right`.
fn check(
    variables: [&'static str; 2],
    is_right: impl FnOnce(&str) -> bool,
    cause: &str,
    advice: &str,
) -> Result<(), StartupError> {
    match first(variables)? {
        Some((variable, value)) if !is_right(&value) => Err(wrong(variable, cause, advice)),
        _ => Ok(()),
    }
}

fn number(variable: &'static str, range: RangeInclusive<u64>) -> Result<Option<u64>, StartupError> {
    text(variable)?.map(|value| parsed(variable, &value, range)).transpose()
}

fn parsed(variable: &str, value: &str, range: RangeInclusive<u64>) -> Result<u64, StartupError> {
    let number = value.parse().ok().filter(|number| range.contains(number));
    let (least, most) = (range.start(), range.end());
    number.ok_or_else(|| {
        wrong(variable, format!("it is not an integer from {least} to {most}"), "set it to one, or unset it")
    })
}

/// Reads `name=value,name=value`, percent-encoded (<https://www.w3.org/TR/baggage/>).
fn pairs(variable: &str, value: &str) -> Result<Vec<(String, String)>, StartupError> {
    let entries = value.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let pair = |entry: &str| {
        let (name, value) = entry.split_once('=')?;
        let decoded = |text: &str| Some(percent_decode_str(text.trim()).decode_utf8().ok()?.into_owned());
        Some((decoded(name).filter(|name| !name.is_empty())?, decoded(value)?))
    };
    let pairs: Option<Vec<_>> = entries.map(pair).collect();
    pairs.ok_or_else(|| wrong(variable, "an entry is not name=value", "write name=value,name=value"))
}

fn wrong(variable: &str, cause: impl Display, advice: impl Display) -> StartupError {
    StartupError::new(format!("{variable} is wrong ({cause}): {advice}."))
}
