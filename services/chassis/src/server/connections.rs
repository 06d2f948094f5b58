//! Connections: accepted within a bound, given deadlines, drained when the service stops.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use hyper::{body::Incoming, rt::Write, server::conn::http1, service::service_fn, upgrade::OnUpgrade};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::mpsc,
};

use super::{
    drain::{self, DrainedStream, HANDSHAKE, Phase, Schedule},
    handler::RequestHandler,
    stream::TimeoutStream,
};
use crate::settings::Limits;

/// How long to wait after a connection could not be accepted, for instance because file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often a timer is due: sooner than any that a request sets. Whoever sets the timer that is due first wakes the thread that
/// waits for timers, even itself, which took two system calls of every request that waits for something.
const TICK: Duration = Duration::from_millis(250);

/// How many bytes a request's head may have; a larger one is answered 431 (RFC 6585, section 5).
const HEAD_LIMIT: usize = 16 * 1024;

/// How many bytes of an answer a connection holds back for a caller who reads slowly.
const BUFFER_LIMIT: usize = 64 * 1024;

/// How many connections wait to be accepted. The usual 128 is less than comes at once after a pause, and who is one too many tries
/// again a second later only.
const BACKLOG: u32 = 4096;

/// How much later than it has to the process is ended by force.
const MARGIN: Duration = Duration::from_millis(50);

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

/// Serves until `stop`, then waits for connections to finish what they are at, within the drain timeout. Returns when the process
/// has to be gone.
pub(super) async fn serve(
    listener: TcpListener,
    limits: &Limits,
    handler: Arc<RequestHandler>,
    stop: impl Future<Output = ()>,
) -> Instant {
    let admission = handler.admission();
    // Each connection holds one of the senders.
    let (is_open, mut all_closed) = mpsc::channel::<Infallible>(1);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        // The stream has one of its own, which tells a slow head from an idle connection.
        .header_read_timeout(None)
        // Who ends its sending side after a whole request still reads the answer (RFC 9112, section 9.6).
        .half_close(true)
        .max_header_size(HEAD_LIMIT)
        .max_buf_size(BUFFER_LIMIT);

    let connect = |stream: TcpStream, peer: SocketAddr| {
        // Answers are small and complete: waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let drain = handler.drain().clone();
        let permit = admission.admit(peer);
        let connection = permit.connection.clone();
        let stream = TimeoutStream::new(stream, limits, connection.clone());
        let stream = DrainedStream::new(stream, connection.clone(), drain.clone());
        let handler = handler.clone();
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            let (handler, connection) = (handler.clone(), connection.clone());
            let exchange = connection.begin_exchange();
            if let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() {
                connection.set_upgrade(upgrade);
            }
            async move {
                let response = handler.handle(request, &connection).await;
                Ok::<_, Infallible>(response.map(|body| exchange.respond(body)))
            }
        });
        let served = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let is_open = is_open.clone();
        tokio::spawn(async move {
            let ended = tokio::select! {
                // A request that has come is seen before the connection makes room for another.
                biased;
                ended = drain::drive(served, &drain) => ended,
                () = permit.evicted() => None,
            };
            if let Some(Err(error)) = ended {
                tracing::debug!(%error, %peer, "a connection ended early");
                if error.is_parse() {
                    permit.connection.log_parse_error("none");
                }
            }
            if let Some(upgrade) = permit.connection.take_upgrade() {
                end(upgrade).await;
            }
            drop((permit, is_open));
        });
    };
    tokio::spawn(async {
        let mut ticks = tokio::time::interval(TICK);
        loop {
            ticks.tick().await;
        }
    });
    let accept = async {
        loop {
            admission.room().await;
            match listener.accept().await {
                Ok((stream, peer)) => connect(stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    // What an idle connection holds is what this one lacks.
                    let _ = admission.evict();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    let drain = handler.drain();
    let stopped = async {
        stop.await;
        let schedule = Schedule::begin(limits);
        end_process_at(schedule.end);
        // Whoever sends callers here has a moment to see it at /readyz, before they find nobody.
        drain.enter(Phase::Announced);
        tokio::time::sleep_until(schedule.accept.into()).await;
        drain::shut_out(&listener);
        tokio::time::sleep(HANDSHAKE).await;
        schedule
    };
    let schedule = tokio::select! {
        () = accept => Schedule::begin(limits),
        schedule = stopped => schedule,
    };

    // Whoever has connected is served.
    if let Ok(listener) = listener.into_std() {
        while let Ok((stream, peer)) = listener.accept()
            && stream.set_nonblocking(true).is_ok()
            && let Ok(stream) = TcpStream::from_std(stream)
        {
            connect(stream, peer);
        }
    }
    drop(is_open);
    drain.enter(Phase::Draining);
    if tokio::time::timeout_at(schedule.drain.into(), all_closed.recv()).await.is_err() {
        tracing::warn!("stopped with connections still open");
        drain.enter(Phase::Over);
        let _ = tokio::time::timeout_at(schedule.last_answers.into(), all_closed.recv()).await;
        drain.enter(Phase::Cut);
    }
    schedule.end
}

/// Ends the process at `end`, whatever it is stuck in then, such as a disk that does not answer. What was not answered was
/// promised to nobody.
fn end_process_at(end: Instant) {
    let _ = thread::Builder::new().name("end".into()).spawn(move || {
        thread::sleep(end.saturating_duration_since(Instant::now()) + MARGIN);
        std::process::exit(0);
    });
}

/// Ends the connection of a request that asked for an upgrade, as every other is ended.
async fn end(upgrade: OnUpgrade) {
    if let Ok(mut stream) = upgrade.await {
        // The caller may be gone.
        let _ = poll_fn(|context| Pin::new(&mut stream).poll_shutdown(context)).await;
    }
}
