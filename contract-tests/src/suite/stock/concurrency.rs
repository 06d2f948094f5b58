//! Orders that arrive while their product is replaced.

use std::{thread, time::Instant};

use serde_json::json;

use super::requests::*;
use crate::engine::{failure::Failure, property::Effort, session::Session};

/// Orders come in while the product is replaced: each must be decided by a stock that the product had meanwhile.
pub(super) fn while_the_stock_changes(session: &Session, effort: Effort) -> Result<(), String> {
    let failed = |failure: Failure| failure.to_string();
    let name = unique("concurrent");
    let stocks: Vec<u64> = (0..effort.cases).map(|round| [5, 50, 0, 20][round as usize % 4]).collect();
    let id = create_product(session, &name, 1.0, stocks[0]).map_err(failed)?;
    let began = Instant::now();

    thread::scope(|scope| {
        let orders: Vec<_> = (0..4)
            .map(|caller| {
                let rounds = effort.cases * 4;
                scope.spawn(move || {
                    let quantities = (0..rounds).map(|round| u64::from((round * 7 + caller * 13) % 60) + 1);
                    let decide = |quantity| {
                        let request = order_request(session, id, quantity);
                        let asked = began.elapsed();
                        let response = session.send(&request)?;
                        Ok((request, response, quantity, asked, began.elapsed()))
                    };
                    quantities.map(decide).collect::<Result<Vec<_>, Failure>>()
                })
            })
            .collect();

        // A stock is possible from when it was sent until the response to the next one.
        let mut possible = vec![(stocks[0], began.elapsed(), None)];
        for stock in &stocks[1..] {
            let body = json!({ "name": name, "price": 1, "stock": stock });
            let sent = began.elapsed();
            let request = session.request("products", "PUT", format!("/products/{id}")).json(&body);
            session.expect(&request, 200, None).map_err(failed)?;
            possible.last_mut().expect("a stock").2 = Some(began.elapsed());
            possible.push((*stock, sent, None));
        }

        for orders in orders {
            for (request, response, quantity, asked, answered) in
                orders.join().expect("a caller").map_err(failed)?
            {
                let accepted = match (response.status, response.error().as_deref()) {
                    (201, _) => true,
                    (400, Some(NOT_ENOUGH_STOCK)) => false,
                    _ => {
                        return Err(session
                            .failure(&request, &response, "201, or 400 Not enough stock")
                            .to_string());
                    }
                };
                let explains = |&(stock, from, until): &(u64, _, Option<_>)| {
                    from <= answered
                        && until.is_none_or(|until| until >= asked)
                        && (quantity <= stock) == accepted
                };
                if !possible.iter().any(explains) {
                    let expected = "a decision by a stock that the product had between request and response";
                    return Err(session.failure(&request, &response, expected).to_string());
                }
            }
        }
        Ok(())
    })
}
