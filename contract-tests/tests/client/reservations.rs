//! Reservations from the console.

use crate::Console;

pub(crate) fn the_console_reserves_stock_and_gives_it_back(console: &Console) {
    console.succeeds("products create --name Computer --price 200 --stock 20");
    let held = "product_id\tkey\tquantity\tstatus\n1\tbasket-7\t3\tHELD\n";
    let put = "products reservations put 1 basket-7 --quantity 3";
    assert_eq!(console.succeeds(put), held);
    assert_eq!(console.succeeds(put), held);
    assert_eq!(console.succeeds("products reservations show 1 basket-7"), held);
    assert!(console.succeeds("products show 1").ends_with("\t17\n"));
    let released = console.succeeds("products reservations release 1 basket-7 --json");
    assert!(released.contains("\"status\": \"RELEASED\""), "{released}");
    assert!(console.succeeds("products show 1").ends_with("\t20\n"));
    for (command, reason) in [
        (put, "products says: Reservation released.\nA reservation is released once and for all."),
        (
            "products reservations put 1 other --quantity 21",
            "products says: Not enough stock.\nThere are fewer in stock.",
        ),
        (
            "products reservations show 1 other",
            "products says: Reservation not found.\nThe product has no reservation with this key.",
        ),
        ("products reservations release 2 other", "products says: Product not found."),
    ] {
        console.fails(command, 1, reason);
    }
    console.fails(
        "products reservations put 1 clé --quantity 1",
        2,
        "must have 1 to 255 visible ASCII characters",
    );
}
