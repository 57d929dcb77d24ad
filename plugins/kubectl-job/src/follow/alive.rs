//! Whether the server that a command waits for is still there.

use std::time::Duration;

use api::resource::JOBS;
use client::Client;
use tokio::time::timeout;

/// How often the server is asked whether it is still there.
const PROBE: Duration = Duration::from_secs(5);
/// Probes that may fail in a row.
const MAX_FAILED_PROBES: u32 = 3;

/// Ends, with the reason, when the server has not answered for a while. Observations heal by themselves for ever, so
/// they never tell that the other side is gone for good.
pub(crate) async fn probe(client: Client, namespace: String, name: String) -> String {
    let mut failed = 0;
    loop {
        tokio::time::sleep(PROBE).await;
        let asked = timeout(PROBE, client.get(&JOBS, Some(&namespace), &name)).await;
        let why = match asked {
            Ok(Err(error)) if error.status().is_none() => {
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
            }
            Ok(_) => {
                failed = 0;
                continue;
            }
            Err(_) => "no answer".to_owned(),
        };
        failed += 1;
        if failed == MAX_FAILED_PROBES {
            return why;
        }
    }
}
