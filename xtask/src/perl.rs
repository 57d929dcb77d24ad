//! Perl, as the pi Job needs it. Debian 12's Perl 5.36 crashes in `bpi(2000)` unless the package libmath-bigint-perl
//! brings a newer Math::BigInt; whether this machine is one of those is found by asking Perl, not by reading versions.

use std::process::Command;
use std::time::Duration;

use anyhow::bail;

use crate::{debian, shell};

/// What the pi Job runs, after `perl`.
const PI: [&str; 3] = ["-Mbignum=bpi", "-wle", "print bpi(2000)"];
/// The packages that make it work on Debian.
const PACKAGES: [&str; 2] = ["perl", "libmath-bigint-perl"];
/// How long Perl may take for 2,000 digits; some 5 s of one core are usual.
const LIMIT: Duration = Duration::from_secs(120);

/// Makes sure that Perl can compute 2,000 digits of pi, installing what it lacks where that is allowed.
///
/// # Errors
/// When Perl cannot, and this process may not or could not mend it; the text names the command that would.
pub(crate) fn ensure() -> anyhow::Result<()> {
    let Err(why) = probe() else { return Ok(()) };
    println!("Perl cannot compute bpi(2000) here: {why}");
    if !debian::can_install() {
        bail!("install what Perl lacks, then run this again: sudo apt-get install {}", PACKAGES.join(" "));
    }
    println!("Installing {} with apt-get.", PACKAGES.join(" and "));
    debian::install(&PACKAGES)?;
    match probe() {
        Ok(()) => Ok(()),
        Err(why) => bail!("{} is installed and Perl still fails: {why}", PACKAGES.join(" and ")),
    }
}

/// Runs the pi Job's own command. The answer is Perl's last line when it fails.
fn probe() -> Result<(), String> {
    let outcome = shell::capture(Command::new("perl").args(PI), LIMIT).map_err(|error| format!("{error:#}"))?;
    judge(outcome.code, &outcome.stdout, &outcome.stderr)
}

fn judge(code: Option<i32>, stdout: &str, stderr: &str) -> Result<(), String> {
    if code == Some(0) && stdout.starts_with("3.14159") && stdout.trim_end().len() > 2000 {
        return Ok(());
    }
    let last = stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it printed no digits");
    Err(last.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perl_that_exits_well_without_digits_does_not_pass() {
        assert_eq!(judge(Some(0), "NaN\n", ""), Err("it printed no digits".to_owned()));
    }

    #[test]
    fn perls_own_last_line_is_the_reason() {
        let stderr = "some warning\nCan't use an undefined value as an ARRAY reference at Calc.pm line 1049.\n\n";
        let why = judge(Some(255), "", stderr).expect_err("it failed");
        assert!(why.starts_with("Can't use an undefined value"), "{why}");
    }
}
