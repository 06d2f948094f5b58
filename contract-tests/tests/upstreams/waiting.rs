//! How long a service waits for its upstream, on which connections, and what it serves meanwhile.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use contract_tests::{
    engine::{deployment::variable, edges::Edge},
    harness::{
        store::Store,
        upstream::{FakeUpstream, FaultMode},
        waiting::{self, SetOnDrop},
    },
};
use libtest_mimic::Failed;

use crate::{IN_TIME, PROGRAM, shared, start};

/// The connections that answers came on are kept, and nothing comes on them any more; new ones work.
pub(crate) fn falls_silent(edge: &'static Edge, at_once: usize) -> Result<(), Failed> {
    let upstream = FakeUpstream::start(&edge.response, FaultMode::FallsSilent);
    let (_store, session) = start(edge, &upstream);
    let create = edge.create(&session);
    let all = || -> Result<(), Failed> {
        thread::scope(|scope| {
            let ask = || session.expect(&create, 201, None).map(drop);
            let asked: Vec<_> = (0..at_once).map(|_| scope.spawn(ask)).collect();
            asked.into_iter().try_for_each(|asked| asked.join().expect("a customer"))
        })?;
        Ok(())
    };
    all()?;
    let began = Instant::now();
    all()?;
    let took = began.elapsed();
    if took > Duration::from_secs(2) {
        return Err(format!("it took {took:?}").into());
    }
    Ok(())
}

/// A 503 is sent again, but not before the time is over for which the upstream asks to be left alone.
pub(crate) fn is_full(edge: &'static Edge) -> Result<(), Failed> {
    let upstream = FakeUpstream::start(&edge.response, FaultMode::IsFullFor(1));
    let (_store, session) = start(edge, &upstream);
    let began = Instant::now();
    session.expect(&edge.create(&session), 201, None)?;
    let took = began.elapsed();
    if took < Duration::from_secs(1) || upstream.conversations() != 2 {
        return Err(format!("{} times within {took:?}", upstream.conversations()).into());
    }
    Ok(())
}

/// An upstream that is slow on a kept connection is asked on a second connection once, not for each request.
pub(crate) fn is_slow(edge: &'static Edge) -> Result<(), Failed> {
    let upstream = FakeUpstream::start(&edge.response, FaultMode::IsSlow);
    let (_store, session) = start(edge, &upstream);
    for _ in 0..4 {
        session.expect(&edge.create(&session), 201, None)?;
    }
    let connections = upstream.conversations();
    if connections > 2 {
        return Err(format!("it was asked on {connections} connections").into());
    }
    Ok(())
}

pub(crate) fn asks_no_longer(edge: &'static Edge) -> Result<(), Failed> {
    let upstream = FakeUpstream::start(&edge.response, FaultMode::SaysNothing);
    let (_store, session) = start(edge, &upstream);
    let began = Instant::now();
    let request = edge.create(&session).header("X-Request-Timeout-Ms", "300");
    session.expect(&request, 503, Some("Service unavailable"))?;
    let took = began.elapsed();
    // Without its caller's timeout it would wait for three seconds.
    if took > Duration::from_secs(2) {
        return Err(format!("it took {took:?}, and its caller would have waited 300 ms").into());
    }
    Ok(())
}

/// While products takes connections and says nothing, orders under load answers everything else as before, refuses each
/// order in time, and has only so many of them in flight.
pub(crate) fn goes_on(edge: &'static Edge) -> Result<(), Failed> {
    let upstream = FakeUpstream::start(&edge.response, FaultMode::SaysNothing);
    let url = upstream.url();
    let settings = [(&*variable(edge.upstream, "URL"), &*url), ("MAX_REQUESTS", "64")];
    let (mut store, session) = Store::start_with_session(PROGRAM, &settings);
    let order = edge.create(&session);
    let read = edge.read_first(&session);
    let process = store.service("orders").id();

    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let end = SetOnDrop(&is_over);
        let customers: Vec<_> = (0..32)
            .map(|_| {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        let began = Instant::now();
                        session.expect(&order, 400, Some(&edge.error_message))?;
                        let took = began.elapsed();
                        if took > IN_TIME {
                            return Err(Failed::from(format!("an order took {took:?}")));
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        let waited = waiting::until("32 orders that wait for products", || {
            shared::waiting_for_products(&session) >= 32.0
                || customers.iter().any(|customer| customer.is_finished())
        });
        if waited.is_err() || customers.iter().any(|customer| customer.is_finished()) {
            drop(end);
            customers.into_iter().try_for_each(|customer| customer.join().expect("a customer"))?;
            waited?;
            return Err("the orders did not wait for products".into());
        }
        let mut slowest = Duration::ZERO;
        for _ in 0..500 {
            let began = Instant::now();
            session.expect(&read, 404, None)?;
            slowest = slowest.max(began.elapsed());
        }
        let files = fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count);
        drop(end);
        customers.into_iter().try_for_each(|customer| customer.join().expect("a customer"))?;
        // A read that waited for products would take three seconds.
        if slowest > Duration::from_secs(2) {
            return Err(format!("reading took up to {slowest:?}").into());
        }
        if files > 200 {
            return Err(format!("{files} files and connections are open").into());
        }
        Ok(())
    })
}
