//! Connections: accepted within a bound, given deadlines, drained when the service stops.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use hyper::{body::Incoming, rt::Write, server::conn::http1, service::service_fn, upgrade::OnUpgrade};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};

use super::{
    answer::Answerer,
    exchange::{Exchange, Phase},
    stream::PatientStream,
};
use crate::settings::Limits;

/// How long to wait after a connection could not be accepted, for instance because file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How many bytes a request's head may have; a larger one is answered 431 (RFC 6585, section 5).
const HEAD_LIMIT: usize = 16 * 1024;

/// How many bytes of an answer a connection holds back for a caller who reads slowly.
const BUFFER_LIMIT: usize = 64 * 1024;

/// Serves until `stop`, then waits for connections to finish what they are at, within the drain timeout.
pub(super) async fn serve(
    listener: TcpListener,
    limits: &Limits,
    answerer: Arc<Answerer>,
    stop: impl Future<Output = ()>,
) {
    let slots = Arc::new(Semaphore::new(limits.max_connections as usize));
    let (stopping, _) = watch::channel(());
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        // The stream has one of its own, which tells a slow head from an idle connection.
        .header_read_timeout(None)
        // Who ends its sending side after a whole request still reads the answer (RFC 9112, section 9.6).
        .half_close(true)
        .max_header_size(HEAD_LIMIT)
        .max_buf_size(BUFFER_LIMIT);

    let accept = async {
        loop {
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Answers are small and complete: waiting for more to send would only delay them.
            let _ = stream.set_nodelay(true);
            let answerer = answerer.clone();
            let exchange = Arc::new(Exchange::new(peer));
            let stream = PatientStream::new(stream, limits, exchange.clone());
            let of_requests = exchange.clone();
            let service = service_fn(move |mut request: hyper::Request<Incoming>| {
                let (answerer, exchange) = (answerer.clone(), of_requests.clone());
                exchange.enter(Phase::Work);
                if let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() {
                    exchange.note_upgrade(upgrade);
                }
                async move {
                    let answer = answerer.answer(request, peer).await;
                    exchange.enter(Phase::Answered);
                    Ok::<_, Infallible>(answer)
                }
            });
            let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
            let mut stop = stopping.subscribe();
            tokio::spawn(async move {
                // It is gone when the stream that it hands out is asked for.
                let served = async {
                    let mut connection = pin!(connection);
                    tokio::select! {
                        biased;
                        served = &mut connection => served,
                        _ = stop.changed() => {
                            connection.as_mut().graceful_shutdown();
                            connection.await
                        }
                    }
                }
                .await;
                if let Err(error) = served {
                    tracing::debug!(%error, %peer, "a connection ended early");
                    if error.is_parse() {
                        exchange.note_no_request("none");
                    }
                }
                if let Some(upgrade) = exchange.take_upgrade() {
                    end(upgrade).await;
                }
                drop((slot, stop));
            });
        }
    };
    let stopped = async {
        stop.await;
        // Whoever sends callers here has a moment to see it at /readyz, before they find nobody.
        answerer.stop();
        tokio::time::sleep(limits.stop_delay()).await;
    };
    tokio::select! {
        () = accept => {}
        () = stopped => {}
    }

    drop(listener);
    // Connections that are at nothing end now, and the others after the answer that they are at.
    stopping.send_replace(());
    if tokio::time::timeout(limits.drain_timeout(), stopping.closed()).await.is_err() {
        tracing::warn!("stopped with connections still open");
    }
}

/// Ends the connection of a request that asked for an upgrade, as every other is ended.
async fn end(upgrade: OnUpgrade) {
    if let Ok(mut stream) = upgrade.await {
        // The caller may be gone.
        let _ = poll_fn(|context| Pin::new(&mut stream).poll_shutdown(context)).await;
    }
}
