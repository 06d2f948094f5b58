//! The API of reservations: its operations, requests and responses.

use chassis::{
    api::{
        bearer_auth::BearerAuth,
        fields::{Fields, FromFields},
        json::Json,
        made_or_found::MadeOrFound,
        operation::OperationError,
        parameters::Path,
        responses::{Created, path_of},
    },
    error::{ANY_OPERATION, ErrorMessage, INVALID_FIELDS, WITH_BODY},
    operations,
    storage::Database,
    values::{Count, Id, Key, Quantity, Value},
};
use poem::http::StatusCode;
use poem_openapi::{Enum, Object, OpenApi, Tags};
use serde::Serialize;

use super::db::{self, Made, Released};
use crate::errors::PRODUCT_NOT_FOUND;

const NOT_ENOUGH_STOCK: ErrorMessage = ErrorMessage::new(StatusCode::BAD_REQUEST, "Not enough stock");
const TOO_MUCH_STOCK: ErrorMessage = ErrorMessage::new(StatusCode::CONFLICT, "Too much stock");
const RESERVATION_NOT_FOUND: ErrorMessage = ErrorMessage::new(StatusCode::NOT_FOUND, "Reservation not found");
const RESERVATION_RELEASED: ErrorMessage = ErrorMessage::new(StatusCode::CONFLICT, "Reservation released");
const RESERVATION_DIFFERS: ErrorMessage =
    ErrorMessage::new(StatusCode::UNPROCESSABLE_ENTITY, "Reservation differs");

/// The reservations API.
pub struct Api {
    database: Database,
}

impl Api {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }
}

#[OpenApi(tag = "Tag::Reservations")]
impl Api {
    /// Make a reservation
    ///
    /// Takes the quantity off the stock of the product. Idempotent: repeating the request has no further effect.
    #[oai(path = "/products/:id/reservations/:key", method = "put", operation_id = "make_reservation")]
    async fn make_reservation(
        &self,
        _auth: BearerAuth,
        /// The id of the product.
        id: Path<Id>,
        /// The caller's own name for the reservation, unique among those of the product.
        key: Path<Key>,
        reservation: Json<NewReservation>,
    ) -> Result<MadeOrFound<Reservation>, OperationError<MakeReservation>> {
        let id = id.0.ok_or(PRODUCT_NOT_FOUND)?;
        let invalid = || INVALID_FIELDS.with_detail(format!("key must be {}", Key::requirement()));
        let key = key.0.ok_or_else(invalid)?;
        let quantity = reservation.0.quantity;
        match self.database.write(db::Make { product_id: id, key, quantity }).await? {
            Made::Now(reservation) => Ok(MadeOrFound::Made(made_at(reservation))),
            Made::Before(reservation) => Ok(MadeOrFound::Found(Json(reservation.into()))),
            Made::Released => Err(RESERVATION_RELEASED.into()),
            Made::Differs => Err(RESERVATION_DIFFERS.into()),
            Made::NotEnoughStock => Err(NOT_ENOUGH_STOCK.into()),
            Made::NoProduct => Err(PRODUCT_NOT_FOUND.into()),
        }
    }

    /// Read a reservation
    ///
    /// Returns the reservation with this key.
    #[oai(path = "/products/:id/reservations/:key", method = "get", operation_id = "get_reservation")]
    async fn get_reservation(
        &self,
        _auth: BearerAuth,
        /// The id of the product.
        id: Path<Id>,
        /// The key of the reservation.
        key: Path<Key>,
    ) -> Result<Json<Reservation>, OperationError<GetReservation>> {
        let id = id.0.ok_or(PRODUCT_NOT_FOUND)?;
        let key = key.0.ok_or(RESERVATION_NOT_FOUND)?;
        let reservation = self.database.read(db::Find { product_id: id, key }).await?;
        let reservation = reservation.ok_or(PRODUCT_NOT_FOUND)?.ok_or(RESERVATION_NOT_FOUND)?;
        Ok(Json(reservation.into()))
    }

    /// Release a reservation
    ///
    /// Puts the quantity back into the stock of the product. Idempotent: repeating the request has no further effect. A release that
    /// arrives before its reservation wins: it is stored with a quantity of 0, and a later `PUT` gets 409.
    #[oai(path = "/products/:id/reservations/:key", method = "delete", operation_id = "release_reservation")]
    async fn release_reservation(
        &self,
        _auth: BearerAuth,
        /// The id of the product.
        id: Path<Id>,
        /// The key of the reservation.
        key: Path<Key>,
    ) -> Result<Json<Reservation>, OperationError<ReleaseReservation>> {
        let id = id.0.ok_or(PRODUCT_NOT_FOUND)?;
        let key = key.0.ok_or(RESERVATION_NOT_FOUND)?;
        match self.database.write(db::Release { product_id: id, key }).await? {
            Released::Now(reservation) => Ok(Json(reservation.into())),
            Released::TooMuchStock => Err(TOO_MUCH_STOCK.into()),
            Released::NoProduct => Err(PRODUCT_NOT_FOUND.into()),
        }
    }
}

fn made_at(reservation: db::Reservation) -> Created<Reservation> {
    let id = reservation.product_id.get().to_string();
    let location = path_of(["products", &id, "reservations", reservation.key.as_str()]);
    Created::new(&reservation.into(), location)
}

#[derive(Tags)]
enum Tag {
    /// Reservations of stock, taken and released idempotently.
    Reservations,
}

/// A reservation to make.
#[derive(Debug, Object, Serialize)]
pub struct NewReservation {
    /// The number of items.
    quantity: Quantity,
}

impl FromFields for NewReservation {
    const EXAMPLE: &'static str = r#"{"quantity": 3}"#;

    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { quantity: fields.read("quantity")? })
    }
}

/// A reservation of some of the stock of a product.
#[derive(Debug, Object, Serialize)]
pub struct Reservation {
    /// The id of the product.
    product_id: Id,
    /// The key that the caller chose.
    key: Key,
    /// The number of items. 0 if the reservation was released before it was made.
    quantity: Count,
    status: ReservationStatus,
}

impl From<db::Reservation> for Reservation {
    fn from(db::Reservation { product_id, key, quantity, status }: db::Reservation) -> Self {
        let status = match status {
            db::Status::Held => ReservationStatus::Held,
            db::Status::Released => ReservationStatus::Released,
        };
        Self { product_id, key, quantity, status }
    }
}

/// Whether the items are taken off the stock.
#[derive(Clone, Copy, Debug, Enum, Serialize)]
#[oai(rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ReservationStatus {
    /// The items are reserved.
    Held,
    /// They were given back, or never taken.
    Released,
}

operations! {
    MakeReservation: [
        WITH_BODY,
        ANY_OPERATION,
        &[NOT_ENOUGH_STOCK, PRODUCT_NOT_FOUND, RESERVATION_RELEASED, RESERVATION_DIFFERS],
    ];
    GetReservation: [ANY_OPERATION, &[PRODUCT_NOT_FOUND, RESERVATION_NOT_FOUND]];
    ReleaseReservation: [ANY_OPERATION, &[PRODUCT_NOT_FOUND, RESERVATION_NOT_FOUND, TOO_MUCH_STOCK]];
}
