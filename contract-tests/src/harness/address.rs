//! Addresses that no other test uses.

use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

/// An address that is reserved until this is dropped. A service may listen there, stop, and listen again: this socket is bound
/// and does not listen, so the system gives the port only to a program that asks for it.
pub struct Reserved {
    socket: Socket,
    address: SocketAddr,
}

impl Reserved {
    /// Reserves a free port of the loopback interface.
    #[expect(clippy::new_without_default, reason = "it has an effect")]
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        // Both sockets say so, or the address is in use for the other.
        socket.set_reuse_address(true).expect("an option");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
        let address = socket.local_addr().ok().and_then(|address| address.as_socket()).expect("an address");
        Self { socket, address }
    }

    /// The address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as text, such as `127.0.0.1:34567`.
    pub fn text(&self) -> String {
        self.address.to_string()
    }

    /// Where it is, such as `http://127.0.0.1:34567`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The socket, which may listen now.
    pub fn into_socket(self) -> Socket {
        self.socket
    }
}
