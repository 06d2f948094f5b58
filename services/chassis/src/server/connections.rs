//! Connections: accepted within a bound, given deadlines, drained when the service stops.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::net::{TcpListener, TcpSocket};

use super::{admission::Admission, answer::Answerer, stream::PatientStream};
use crate::settings::Limits;

/// How long to wait after a connection could not be accepted, for instance because file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How many connections wait to be accepted. The usual 128 is less than comes at once after a pause, and who is one too many tries
/// again a second later only.
const BACKLOG: u32 = 4096;

/// How many bytes a request's head may have; a larger one is answered 431 (RFC 6585, section 5).
const HEAD_LIMIT: usize = 16 * 1024;

/// How many bytes of an answer a connection holds back for a caller who reads slowly.
const BUFFER_LIMIT: usize = 64 * 1024;

/// Listens at `address`.
///
/// # Errors
/// The address cannot be had.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A service that is started again takes the address over at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `stop`, then waits for connections to finish what they are at, within the drain timeout.
pub(super) async fn serve(
    listener: TcpListener,
    limits: &Limits,
    answerer: Arc<Answerer>,
    stop: impl Future<Output = ()>,
) {
    let admission = Admission::new(limits.max_connections);
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout())
        .max_header_size(HEAD_LIMIT)
        .max_buf_size(BUFFER_LIMIT);

    let accept = async {
        loop {
            admission.room().await;
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    // What an idle connection holds is what this one lacks.
                    let _ = admission.evict();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Answers are small and complete: waiting for more to send would only delay them.
            let _ = stream.set_nodelay(true);
            let place = admission.admit(peer);
            let (answerer, caller) = (answerer.clone(), place.connection.clone());
            let stream = PatientStream::new(stream, place.connection.clone(), limits.write_timeout());
            let service = service_fn(move |request| {
                let (answerer, caller) = (answerer.clone(), caller.clone());
                async move { Ok::<_, Infallible>(answerer.answer(request, &caller).await) }
            });
            let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
            tokio::spawn(async move {
                tokio::select! {
                    // A request that has come is seen before the connection makes room for another.
                    biased;
                    outcome = connection => {
                        if let Err(error) = outcome {
                            tracing::debug!(%error, %peer, "a connection ended early");
                        }
                    }
                    () = place.evicted() => {}
                }
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
    if tokio::time::timeout(limits.drain_timeout(), graceful.shutdown()).await.is_err() {
        tracing::warn!("stopped with connections still open");
    }
}
