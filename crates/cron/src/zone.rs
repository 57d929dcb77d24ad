//! Time zones by name, as Go's `time.LoadLocation` finds them.

use jiff::tz::TimeZone;

/// Why a name is no time zone, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// The name leads out of the database.
    #[error("time: invalid location name")]
    Name,
    /// The database has no such zone.
    #[error("unknown time zone {0}")]
    Unknown(String),
}

/// The time zone of that name; the empty name is UTC. `Local` is the zone of whoever asks, for which there is no name
/// here, and so it is UTC as well: upstream runs in UTC.
///
/// # Errors
/// When there is no such zone. Upper and lower case matter.
pub fn load(name: &str) -> Result<TimeZone, ZoneError> {
    if matches!(name, "" | "UTC" | "Local") {
        return Ok(TimeZone::UTC);
    }
    if name.contains("..") || name.starts_with(['/', '\\']) {
        return Err(ZoneError::Name);
    }
    let unknown = || ZoneError::Unknown(name.to_owned());
    let zone = TimeZone::get(name).map_err(|_| unknown())?;
    if zone.iana_name() == Some(name) { Ok(zone) } else { Err(unknown()) }
}
