//! The table that a run ends with: what was measured, the figure, the aim.

use std::fmt;

/// Rows, in the order they were measured.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<[String; 3]>,
}

impl Table {
    /// Adds a row and shows it at once, since a run takes a while.
    pub(super) fn row(&mut self, what: &str, figure: &str, aim: &str) {
        println!("  {what}: {figure}");
        self.rows.push([what.to_owned(), figure.to_owned(), aim.to_owned()]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["MEASURED".to_owned(), "FIGURE".to_owned(), "AIM".to_owned()];
        let all: Vec<&[String; 3]> = std::iter::once(&head).chain(&self.rows).collect();
        let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let (first, second) = (width(0), width(1));
        for row in &all {
            let line = format!("{:first$}   {:second$}   {}", row[0], row[1], row[2]);
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// The value below which this share of the sorted values lies.
pub(super) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// Seconds as milliseconds, with as many digits as mean something.
pub(super) fn milliseconds(seconds: f64) -> String {
    let value = seconds * 1000.0;
    if value < 10.0 { format!("{value:.2} ms") } else { format!("{value:.0} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_without_blanks() {
        let mut table = Table::default();
        table.row("a", "1 ms", "");
        table.row("longer", "22 ms", "50 ms");
        let text = table.to_string();
        assert_eq!(text, "MEASURED   FIGURE   AIM\na          1 ms\nlonger     22 ms    50 ms\n");
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(percentile(&[1.0, 2.0, 9.0], 0.5), 2.0);
        assert!(percentile(&[], 0.5).is_nan());
    }
}
