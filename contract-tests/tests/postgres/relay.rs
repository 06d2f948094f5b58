//! A relay in front of PostgreSQL, which can cut a connection at the worst moment.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

/// Waits for what is sent, if these bytes are in it.
type Trap = Arc<Mutex<Option<(&'static str, Sender<()>, Receiver<()>)>>>;

/// A relay on a port of its own. It lives as long as the test's process.
pub(crate) struct Relay {
    port: u16,
    /// Told when something was sent that is not to be answered, and tells when the connection is to be cut.
    trap: Trap,
}

impl Relay {
    /// A relay to the server with this socket.
    pub(crate) fn start(socket: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let trap: Trap = Arc::default();
        let (shared, socket) = (trap.clone(), socket.to_owned());
        thread::spawn(move || {
            listener.incoming().for_each(|client| relay(client.unwrap(), socket.clone(), shared.clone()))
        });
        Self { port, trap }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// From now on, what is sent next with `text` in it arrives, but is not answered: it is told by the receiver, and the connection is
    /// cut when something is sent to the sender.
    pub(crate) fn swallow_the_response_to(&self, text: &'static str) -> (Receiver<()>, Sender<()>) {
        let ((sent, is_sent), (cut, is_cut)) = (channel(), channel());
        *self.trap.lock().unwrap() = Some((text, sent, is_cut));
        (is_sent, cut)
    }
}

fn relay(mut client: TcpStream, socket: PathBuf, trap: Trap) {
    let Ok(mut server) = UnixStream::connect(socket) else { return };
    let (mut from_server, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let is_silent = Arc::new(Mutex::new(false));
    let silent = is_silent.clone();
    thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        while let Ok(length) = from_server.read(&mut bytes)
            && length > 0
        {
            if !*silent.lock().unwrap() && to_client.write_all(&bytes[..length]).is_err() {
                return;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        while let Ok(length) = client.read(&mut bytes)
            && length > 0
        {
            let sent = String::from_utf8_lossy(&bytes[..length]);
            let trapped = trap.lock().unwrap().take_if(|(text, ..)| sent.contains(*text));
            *is_silent.lock().unwrap() |= trapped.is_some();
            if server.write_all(&bytes[..length]).is_err() {
                return;
            }
            if let Some((_, sent, cut)) = trapped {
                let _ = sent.send(());
                let _ = cut.recv();
                let _ = client.shutdown(Shutdown::Both);
            }
        }
        let _ = server.shutdown(Shutdown::Both);
    });
}
