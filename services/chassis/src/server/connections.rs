//! Connections: accepted up to a limit, served with timeouts, and drained when the service stops.

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
use crate::{settings::Limits, telemetry::log};

/// How long to wait after accepting failed, for instance because file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The period of a timer that is due before any timer of a request. Setting the timer that is due first wakes the thread that
/// waits for timers, which would cost two system calls in every request that waits for something.
const TICK: Duration = Duration::from_millis(250);

/// The largest head of a request, in bytes. A larger one gets 431 (RFC 6585, section 5).
const HEAD_LIMIT: usize = 16 * 1024;

/// How many bytes of a response are buffered for a slow caller.
const BUFFER_LIMIT: usize = 64 * 1024;

/// How many connections wait to be accepted. The usual 128 is too few after a pause, and a caller that finds the queue full
/// retries only after a second.
const BACKLOG: u32 = 4096;

/// How long after the end of the schedule the process exits by force.
const MARGIN: Duration = Duration::from_millis(50);

/// Listens at `address`.
///
/// # Errors
/// The address is in use or not available.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restarted service can bind the address at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// How a service stopped.
pub(crate) struct Stopped {
    /// Why it did.
    pub(crate) reason: &'static str,
    pub(crate) began: Instant,
    /// When the process must have exited.
    pub(crate) end: Instant,
    /// Connections that were still open when the drain timeout had passed.
    pub(crate) unfinished: usize,
    /// Those of them that were still open after their last responses.
    pub(crate) cut: usize,
}

impl Stopped {
    /// A service that has accepted no connection yet.
    pub(super) fn before_the_start(reason: &'static str, limits: &Limits) -> Self {
        Self { reason, began: Instant::now(), end: Schedule::begin(limits).end, unfinished: 0, cut: 0 }
    }
}

/// Serves until `stop`, then waits for requests in flight, within the drain timeout.
pub(super) async fn serve(
    listener: TcpListener,
    limits: &Limits,
    handler: Arc<RequestHandler>,
    stop: impl Future<Output = &'static str>,
) -> Stopped {
    let admission = handler.admission();
    // Each connection holds one of the senders.
    let (is_open, mut all_closed) = mpsc::channel::<Infallible>(1);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        // The stream has its own, which tells a slow head from an idle connection.
        .header_read_timeout(None)
        // A caller that closes its sending side after a request still reads the response (RFC 9112, section 9.6).
        .half_close(true)
        .max_header_size(HEAD_LIMIT)
        .max_buf_size(BUFFER_LIMIT);

    let connect = |stream: TcpStream, peer: SocketAddr| {
        // Responses are small and complete: Nagle's algorithm would only delay them.
        let _ = stream.set_nodelay(true);
        let drain = handler.drain().clone();
        let permit = admission.admit(peer);
        let connection = permit.connection.clone();
        let stream = TimeoutStream::new(stream, limits, connection.clone(), handler.cors().clone());
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
                // A request that has arrived is read before the connection is evicted.
                biased;
                ended = drain::drive(served, &drain) => ended,
                () = permit.evicted() => None,
            };
            if let Some(Err(error)) = ended {
                tracing::debug!(%error, %peer, "connection ended early");
                if error.is_parse() {
                    permit.connection.log_parse_error("none");
                }
            }
            if let Some(upgrade) = permit.connection.take_upgrade() {
                close(upgrade).await;
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
                    tracing::warn!(%error, "accept failed");
                    // Closing an idle connection frees a file descriptor.
                    let _ = admission.evict();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    let drain = handler.drain();
    let stopped = async {
        let reason = stop.await;
        let began = Instant::now();
        let schedule = Schedule::begin(limits);
        end_process_at(schedule.end);
        // Load balancers see at /readyz that the service stops before it closes its listener.
        drain.enter(Phase::Announced);
        tokio::time::sleep_until(schedule.accept.into()).await;
        drain::refuse_new(&listener);
        tokio::time::sleep(HANDSHAKE).await;
        (schedule, Stopped { reason, began, end: schedule.end, unfinished: 0, cut: 0 })
    };
    let (schedule, mut stopped) = tokio::select! {
        // Accepting never ends.
        never = accept => never,
        stopped = stopped => stopped,
    };

    // Callers that have connected are served.
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
        stopped.unfinished = admission.count();
        tracing::warn!(connections = stopped.unfinished, "drain timeout: connections are still open");
        drain.enter(Phase::Over);
        if tokio::time::timeout_at(schedule.last_responses.into(), all_closed.recv()).await.is_err() {
            stopped.cut = admission.count();
            drain.enter(Phase::Cut);
        }
    }
    stopped
}

/// Exits the process at `end`, even if a thread is stuck, such as on a disk that hangs. Requests without a response were not
/// acknowledged.
fn end_process_at(end: Instant) {
    let _ = thread::Builder::new().name("end".into()).spawn(move || {
        thread::sleep(end.saturating_duration_since(Instant::now()) + MARGIN);
        tracing::error!("forced to stop: a thread is stuck, for example on a disk that does not respond");
        log::flush(Instant::now() + MARGIN);
        std::process::exit(0);
    });
}

/// Closes the connection of a request that asked for an upgrade like any other.
async fn close(upgrade: OnUpgrade) {
    if let Ok(mut stream) = upgrade.await {
        // The caller may be gone.
        let _ = poll_fn(|context| Pin::new(&mut stream).poll_shutdown(context)).await;
    }
}
