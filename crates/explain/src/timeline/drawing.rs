//! The chart as text and as a Mermaid diagram.

use api::text::count;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Bar, Chart, Lane, Standing};
use crate::text::{Style, Tone, escape};

/// Most lanes that are drawn.
const MAX_LANES: usize = 40;
/// Columns in front of the first moment, for the number of the first attempt.
const LEAD: usize = 3;
/// The least room for the lanes.
const MIN_WIDTH: usize = 24;
/// Distances between ticks, in seconds.
const STEPS: [i64; 16] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400, 604_800];

/// Where moments lie.
struct Scale {
    start: Timestamp,
    milliseconds: i128,
    columns: usize,
}

impl Scale {
    fn column(&self, time: Timestamp) -> usize {
        let passed = time.duration_since(self.start).as_millis().clamp(0, self.milliseconds);
        let columns = i128::try_from(self.columns.saturating_sub(1)).unwrap_or(0);
        LEAD + usize::try_from(passed * columns / self.milliseconds).unwrap_or(0)
    }
}

impl Chart {
    /// As text, no wider than the style's width.
    pub fn text(&self, style: Style, zone: &TimeZone) -> String {
        let chosen = self.chosen();
        let label = chosen.iter().map(|lane| lane.label.len()).max().unwrap_or(0).max(3) + 2;
        // Signs and numbers of the last attempts may need some columns more.
        let columns = style.width.saturating_sub(label + LEAD + 6).max(MIN_WIDTH);
        let milliseconds = self.end.duration_since(self.start).as_millis().max(1_000);
        let scale = Scale { start: self.start, milliseconds, columns };
        let mut lines = vec![format!("{:label$}{}", "", axis(&scale))];
        for lane in &chosen {
            lines.push(format!("{:label$}{}", lane.label, self.lane(lane, &scale, style)));
        }
        let hidden = self.lanes.len() - chosen.len();
        if hidden > 0 {
            lines.push(format!("{:label$}{} without a failure", "", count(hidden, "more lane")));
        }
        lines.push(format!("{:label$}{}", "job", self.job(&scale, style)));
        lines.push(self.moments(style, zone));
        lines.push(style.tone(Tone::Faint, &legend(style)));
        lines.into_iter().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    }

    /// The lanes that are drawn: all, or those with failures first.
    fn chosen(&self) -> Vec<&Lane> {
        let mut chosen: Vec<&Lane> = self.lanes.iter().collect();
        if chosen.len() > MAX_LANES {
            chosen.sort_by_key(|lane| lane.bars.iter().all(|bar| bar.standing != Standing::Failed));
            chosen.truncate(MAX_LANES);
            chosen.sort_by_key(|lane| lane.index);
        }
        chosen
    }

    fn lane(&self, lane: &Lane, scale: &Scale, style: Style) -> String {
        let (full, wait) = (style.pick("█", "#"), style.pick("·", "."));
        let mut cells: Vec<String> = Vec::new();
        let mut failed_before = false;
        for bar in &lane.bars {
            let number = format!("#{} ", bar.number);
            let start = scale.column(bar.start).max(cells.len());
            let gap = start - cells.len();
            let filler = if failed_before { wait } else { " " };
            let lead = gap.saturating_sub(number.len());
            cells.extend(std::iter::repeat_n(filler.to_owned(), lead));
            if gap >= number.len() {
                cells.extend(number.chars().map(String::from));
            } else {
                cells.extend(std::iter::repeat_n(filler.to_owned(), gap));
            }
            let end = scale.column(bar.end.unwrap_or(self.end)).max(start + 1);
            cells.extend(std::iter::repeat_n(full.to_owned(), end - start));
            cells.push(sign(bar, style));
            failed_before = bar.standing == Standing::Failed;
        }
        if failed_before && !self.ended {
            let end = scale.column(self.end).max(cells.len());
            cells.extend(std::iter::repeat_n(wait.to_owned(), end - cells.len()));
        }
        cells.concat()
    }

    /// The Job's own line: from its creation to its end.
    fn job(&self, scale: &Scale, style: Style) -> String {
        let end = scale.column(self.end);
        let mut cells = vec![" "; LEAD];
        cells.resize(end.max(LEAD + 1), style.pick("─", "-"));
        let created = self.marks.iter().find(|mark| mark.what == "created").map_or(self.start, |mark| mark.at);
        cells[scale.column(created)..].first_mut().into_iter().for_each(|cell| *cell = style.pick("├", "|"));
        for mark in self.marks.iter().filter(|mark| mark.what == "deadline" && mark.at <= self.end) {
            let column = scale.column(mark.at).min(cells.len() - 1);
            cells[column] = style.pick("╋", "!");
        }
        let last = if self.ended { style.pick("┤", "|") } else { style.pick("▶", ">") };
        format!("{}{last} {}", cells.concat(), escape(&self.status))
    }

    /// `created 12:01:03 · deadline 12:06:03 (300s) · Failed 12:01:36 (BackoffLimitExceeded)`.
    fn moments(&self, style: Style, zone: &TimeZone) -> String {
        let show = |time: Timestamp| time.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string();
        let texts = self.marks.iter().map(|mark| {
            let more = if mark.more.is_empty() { String::new() } else { format!(" ({})", escape(&mark.more)) };
            format!("{} {}{more}", escape(&mark.what), show(mark.at))
        });
        texts.collect::<Vec<_>>().join(&format!(" {} ", style.dot()))
    }

    /// As a Mermaid gantt diagram.
    pub fn mermaid(&self) -> String {
        let plain = |text: &str| text.replace([':', ';', '#', '\n', ','], " ");
        let time = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let mut text =
            format!("gantt\n  title Job {}\n  dateFormat YYYY-MM-DDTHH:mm:ss\n  axisFormat %H:%M:%S\n", self.name);
        for lane in &self.lanes {
            text.push_str(&format!("  section {}\n", plain(&lane.label)));
            for bar in &lane.bars {
                let tag = match bar.standing {
                    Standing::Running => "active, ",
                    Standing::Succeeded => "done, ",
                    Standing::Failed => "crit, ",
                };
                // The format counts whole seconds, and a bar without length is not drawn.
                let least = bar.start.saturating_add(SignedDuration::from_secs(1)).unwrap_or(bar.start);
                let end = bar.end.unwrap_or(self.end).max(least);
                let told = plain(&bar.told);
                text.push_str(&format!("  attempt {} {told} :{tag}{}, {}\n", bar.number, time(bar.start), time(end)));
            }
        }
        for mark in &self.marks {
            text.push_str(&format!("  {} :milestone, {}, 0s\n", plain(&mark.what), time(mark.at)));
        }
        text
    }
}

fn sign(bar: &Bar, style: Style) -> String {
    match bar.standing {
        Standing::Running => style.pick("▶", ">").to_owned(),
        Standing::Succeeded => style.tone(Tone::Good, style.pick("✔", "v")),
        Standing::Failed => style.tone(Tone::Bad, style.pick("✖", "x")),
    }
}

fn legend(style: Style) -> String {
    let (good, bad) = (style.pick("✔", "v"), style.pick("✖", "x"));
    let (full, wait, runs) = (style.pick("█", "#"), style.pick("·", "."), style.pick("▶", ">"));
    format!("{full} runs   {wait} back-off   {good} succeeded   {bad} failed   {runs} goes on")
}

/// Ticks with the time since the start.
fn axis(scale: &Scale) -> String {
    let seconds = i64::try_from(scale.milliseconds / 1_000).unwrap_or(i64::MAX);
    let ticks_max = i64::try_from(scale.columns / 10).unwrap_or(1).max(1);
    let step = STEPS.into_iter().find(|step| seconds / step <= ticks_max).unwrap_or(STEPS[STEPS.len() - 1]);
    let mut line = String::new();
    let mut tick = 0;
    while tick <= seconds {
        let at = scale.start.saturating_add(SignedDuration::from_secs(tick)).unwrap_or(scale.start);
        let column = scale.column(at);
        if line.len() <= column {
            line.push_str(&" ".repeat(column - line.len()));
            line.push_str(&api::time::human_duration(SignedDuration::from_secs(tick)));
        }
        tick += step;
    }
    line
}
