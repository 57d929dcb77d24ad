//! The chart as an SVG picture, and as a page that holds it. Nothing is loaded from elsewhere.

use super::{Chart, Standing};
use crate::text::escape;

const WIDTH: i128 = 960;
const LABEL: i128 = 90;
const ROW: i128 = 26;

impl Chart {
    /// As a picture. Every bar has its words as a title, so that it is told without colours too.
    pub fn svg(&self) -> String {
        let milliseconds = self.end.duration_since(self.start).as_millis().max(1_000);
        let x = |time: jiff::Timestamp| {
            let passed = time.duration_since(self.start).as_millis().clamp(0, milliseconds);
            LABEL + passed * (WIDTH - LABEL - 20) / milliseconds
        };
        let rows = i128::try_from(self.lanes.len()).unwrap_or(0) + 1;
        let height = rows * ROW + 30;
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"monospace\" font-size=\"12\">\n"
        );
        let mut y = 10;
        for lane in &self.lanes {
            text.push_str(&format!("<text x=\"4\" y=\"{}\">{}</text>\n", y + 13, xml(&lane.label)));
            for bar in &lane.bars {
                let (from, to) = (x(bar.start), x(bar.end.unwrap_or(self.end)));
                let (fill, sign) = match bar.standing {
                    Standing::Running => ("#4477aa", "\u{25b6}"),
                    Standing::Succeeded => ("#228833", "\u{2714}"),
                    Standing::Failed => ("#cc3311", "\u{2716}"),
                };
                let title = format!("#{} {} {}", bar.number, bar.pod, bar.told);
                text.push_str(&format!(
                    "<rect x=\"{from}\" y=\"{y}\" width=\"{}\" height=\"18\" rx=\"2\" fill=\"{fill}\"><title>{}</title></rect>\n",
                    (to - from).max(2),
                    xml(&title)
                ));
                text.push_str(&format!("<text x=\"{}\" y=\"{}\">{sign}</text>\n", to.max(from + 2) + 2, y + 13));
            }
            y += ROW;
        }
        let (from, to) = (x(self.start), x(self.end));
        text.push_str(&format!("<text x=\"4\" y=\"{}\">job</text>\n", y + 13));
        text.push_str(&format!("<line x1=\"{from}\" y1=\"{0}\" x2=\"{to}\" y2=\"{0}\" stroke=\"#555\"/>\n", y + 9));
        for mark in self.marks.iter().filter(|mark| mark.at <= self.end) {
            let at = x(mark.at);
            let title = format!("{} {} {}", mark.what, mark.at, mark.more);
            text.push_str(&format!(
                "<line x1=\"{at}\" y1=\"{}\" x2=\"{at}\" y2=\"{}\" stroke=\"#555\"><title>{}</title></line>\n",
                y + 2,
                y + 16,
                xml(&title)
            ));
        }
        text.push_str(&format!("<text x=\"{from}\" y=\"{}\">{}</text>\n</svg>\n", y + 32, xml(&self.status)));
        text
    }

    /// As a page of its own; `story` is shown below the picture.
    pub fn html(&self, story: &str) -> String {
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Job {0}</title></head>\n<body>\n<h1>Job {0}</h1>\n{1}<pre>{2}</pre>\n</body></html>\n",
            xml(&self.name),
            self.svg(),
            story.lines().map(xml).collect::<Vec<_>>().join("\n"),
        )
    }
}

fn xml(text: &str) -> String {
    escape(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
