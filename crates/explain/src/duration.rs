//! Durations as screens show them.

use jiff::SignedDuration;

/// A duration for a screen: tenths below ten seconds, else as kubectl shows ages.
pub fn show(duration: SignedDuration) -> String {
    let tenths = duration.as_millis() / 100;
    match tenths {
        ..0 => "0s".to_owned(),
        0..100 if tenths % 10 != 0 => format!("{}.{}s", tenths / 10, tenths % 10),
        _ => api::time::human_duration(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_durations_show_tenths() {
        for (milliseconds, text) in [(-5, "0s"), (40, "0s"), (1_240, "1.2s"), (3_000, "3s"), (303_400, "5m3s")] {
            assert_eq!(show(SignedDuration::from_millis(milliseconds)), text);
        }
    }
}
