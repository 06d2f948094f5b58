//! Accepts connections, one after the other.

use std::{convert::Infallible, net::TcpListener, time::Duration};

use tokio::net::TcpStream;

/// How long nothing is accepted after that has failed.
const AGAIN: Duration = Duration::from_millis(10);

/// Hands each connection over, for as long as this is polled.
///
/// # Panics
/// The listener is none of this system.
pub async fn each(listener: TcpListener, mut take: impl FnMut(TcpStream)) -> Infallible {
    listener.set_nonblocking(true).expect("a listener");
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => take(stream),
            // A caller that is gone before it was accepted says nothing of the next one, and descriptors are given back.
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}
