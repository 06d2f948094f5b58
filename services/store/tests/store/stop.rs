//! The store and its services stop together.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use crate::{Store, folder, get, wait_until};

#[test]
fn a_signal_stops_all_services_gracefully() {
    for name in ["TERM", "INT", "QUIT"] {
        let mut store = Store::start();
        for ignored in ["USR1", "USR2", "ALRM", "RTMIN+3"] {
            store.signal(ignored);
            store.wait_for(&format!("ignored a signal signal=SIG{ignored}"));
        }
        assert_eq!(get(&store.urls[0], "/readyz"), "HTTP/1.1 200 OK");
        store.signal(name);
        assert_eq!(store.exit_code(), Some(0), "{}", store.log());
        store.wait_for(&format!("stopping signal=SIG{name}"));
        let mut rest = String::new();
        store.output.read_to_string(&mut rest).unwrap();
        for url in &store.urls {
            assert_eq!(get(url, "/livez"), "", "after SIG{name}");
        }
    }
}

#[test]
fn the_store_stops_within_five_seconds_despite_stuck_clients_and_a_blocked_log() {
    let (_unread, log) = std::io::pipe().unwrap();
    let mut store = Store::start_in(folder(), fs::File::from(OwnedFd::from(log)));
    // More log lines than fit in the pipe.
    for _ in 0..1000 {
        get(&store.urls[0], "/nothing");
    }
    let stuck = store::services().zip(&store.urls).map(|(name, url)| {
        let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
        let token = format!("SECRET_{}_TOKEN", name.to_uppercase());
        let half = format!(
            "POST /{name} HTTP/1.1\r\nHost: store\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
        );
        stream.write_all(half.as_bytes()).unwrap();
        stream
    });
    let stuck: Vec<TcpStream> = stuck.collect();
    let began = Instant::now();
    store.signal("TERM");
    assert_eq!(store.exit_code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    drop(stuck);
}

#[test]
fn the_services_stop_when_the_store_is_killed() {
    let store = Store::start();
    store.signal("KILL");
    for url in &store.urls {
        wait_until(|| get(url, "/livez").is_empty(), &format!("{url} is gone"));
    }
}
