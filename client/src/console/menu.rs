//! The menu: what a customer does at the counter, one thing after the other.

use std::{
    io::{self, BufRead, Write},
    str::FromStr,
};

use super::{
    show,
    store::{Failure, Store},
};

const CHOICES: &str = "
1  create a product
2  list products
3  create an order
4  show an order
5  create a payment
6  leave
";

/// Offers the menu until the customer leaves.
pub(super) async fn run(store: &Store) -> Result<(), Failure> {
    loop {
        say(CHOICES);
        let Some(choice) = ask::<u8>("What is it to be? ") else { return Ok(()) };
        let answer = match choice {
            1 => {
                let (Some(name), Some(price), Some(stock)) =
                    (ask::<String>("Name: "), ask("Price: "), ask("Stock: "))
                else {
                    return Ok(());
                };
                store.create_product(&name, price, stock, None).await
            }
            2 => store.list_products().await,
            3 => {
                let (Some(product), Some(quantity)) = (ask("Product id: "), ask("Quantity: ")) else {
                    return Ok(());
                };
                store.create_order(product, quantity, None).await
            }
            4 => {
                let Some(id) = ask("Order id: ") else { return Ok(()) };
                store.order(id).await
            }
            5 => {
                let (Some(order), Some(amount), Some(method)) =
                    (ask("Order id: "), ask("Amount: "), ask::<String>("Method: "))
                else {
                    return Ok(());
                };
                store.create_payment(order, amount, &method, None).await
            }
            6 => return Ok(()),
            _ => {
                say("Please type a number from 1 to 6.\n");
                continue;
            }
        };
        match answer {
            Ok(answer) => say(&show::table(&answer)),
            Err(failure) => say(&format!("{failure}\n")),
        }
    }
}

/// Asks until the answer is a `T`. None if nobody answers any more.
fn ask<T: FromStr>(question: &str) -> Option<T> {
    loop {
        say(question);
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().parse() {
            Ok(answer) => return Some(answer),
            Err(_) => say("That is not what I can take; please type a number.\n"),
        }
    }
}

fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
    let _ = io::stdout().flush();
}
