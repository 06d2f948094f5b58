//! A connection to a service, with or without TLS.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};

use crate::engine::{exchange, tls};

/// A connection to a service.
pub enum Connection {
    /// To an `http://` address.
    Plain(TcpStream),
    /// To an `https://` address.
    Encrypted(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Connection {
    /// Connects to the service at `url`, which may take this long for each of its addresses.
    ///
    /// # Errors
    /// Nothing listens there, or the certificate is not trusted.
    pub fn open(url: &str, timeout: Duration) -> io::Result<Self> {
        let (address, _) = exchange::parts(url);
        let mut socket = Err(io::Error::other("no address"));
        for address in address.to_socket_addrs()? {
            socket = TcpStream::connect_timeout(&address, timeout);
            if socket.is_ok() {
                break;
            }
        }
        let socket = socket?;
        if !url.starts_with("https://") {
            return Ok(Self::Plain(socket));
        }
        let host = address.rsplit_once(':').map_or("", |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        let connection = ClientConnection::new(tls::config(), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, socket);
        stream.sock.set_read_timeout(Some(timeout))?;
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        stream.sock.set_read_timeout(None)?;
        Ok(Self::Encrypted(Box::new(stream)))
    }

    /// The socket under the connection.
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Encrypted(stream) => &stream.sock,
        }
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Encrypted(stream) => match stream.read(buffer) {
                // Many servers end a connection without saying so in TLS, and HTTP tells whether something is lacking.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(0),
                result => result,
            },
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Encrypted(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Encrypted(stream) => stream.flush(),
        }
    }
}

/// Why a connection could not be encrypted, and what to do about it. None if that was not the reason.
pub fn reason_of_tls(error: &io::Error) -> Option<String> {
    Some(match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidMessage(_) => {
            "the server does not speak TLS; is it an http:// address?".to_owned()
        }
        error @ rustls::Error::InvalidCertificate(_) => {
            format!("{error}; SSL_CERT_FILE can name the certificates that are to be trusted")
        }
        error => error.to_string(),
    })
}
