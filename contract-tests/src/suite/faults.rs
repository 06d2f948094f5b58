//! The faults that this store could have, in the form that the engine injects. Their table is in `services/faults`, one per line.

use std::sync::Arc;

use faults::{message, table};

use crate::engine::{
    exchange::{Request, Response},
    faults::fault::{Fault, Place, Tamper},
};

/// Every fault that is made by hand.
pub fn all() -> Vec<Fault> {
    table::all()
        .into_iter()
        .map(|fault| Fault { name: fault.name, place: place(fault.place), tamper: on_the_wire(fault.tamper) })
        .collect()
}

fn place(place: faults::fault::Place) -> Place {
    match place {
        faults::fault::Place::Before(service) => Place::Before(service),
        faults::fault::Place::Between(service) => Place::Between(service),
    }
}

fn on_the_wire(tamper: faults::fault::Tamper) -> Tamper {
    Arc::new(move |request, forward| {
        let Request { service, delivery, method, path, headers, body } = request;
        let sent = |request: &message::Request| {
            let message::Request { method, path, headers, body } = request.clone();
            let Response { status, headers, body } =
                forward(&Request { service: service.clone(), delivery, method, path, headers, body });
            message::Response { status, headers, body }
        };
        let message::Response { status, headers, body } =
            tamper(message::Request { method, path, headers, body }, &sent);
        Response { status, headers, body }
    })
}
