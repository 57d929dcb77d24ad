//! The manual pages, written by the product itself from the definitions of its command line.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::ensure;

use crate::shell;
use crate::workspace::{self, Profile};

/// Builds the product and writes its pages to `target/man`.
///
/// # Errors
/// When the build fails or nothing can be written.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let binary = workspace::build_product(Profile::Dev)?;
    let folder = workspace::target().join("man");
    let pages = write(&binary, &folder)?;
    println!("{pages} pages in {}; read one: man {}", folder.display(), folder.join("kubectl-job.1").display());
    Ok(ExitCode::SUCCESS)
}

/// Lets a built product write its pages; how many there are.
///
/// # Errors
/// When it writes none.
pub(crate) fn write(binary: &Path, folder: &Path) -> anyhow::Result<usize> {
    shell::run(Command::new(binary).arg("__man").arg(folder))?;
    let pages = std::fs::read_dir(folder)?.filter_map(Result::ok).filter(|entry| entry.path().extension().is_some());
    let pages = pages.count();
    ensure!(pages > 0, "{} wrote no manual pages", binary.display());
    Ok(pages)
}
