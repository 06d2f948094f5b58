//! The results as a chart: `target/bench/store.svg`.

use std::{fmt::Write, fs, io, path::PathBuf};

use contract_tests::harness::folders::target;

use crate::report::{Line, Report};

/// The picture's measures, in pixels: a row a work, whose bar is as long as its ratio to the limit.
const WIDTH: usize = 790;
const LABEL: usize = 212;
const BAR: usize = 388;
const ROW: usize = 34;
const TOP: usize = 70;

/// Draws the ratios and their goals, and says where.
///
/// # Errors
/// The picture cannot be written.
pub(crate) fn draw(report: &Report) -> io::Result<PathBuf> {
    write("store.svg", &svg(&report.lines))
}

/// Writes a picture where `cargo bench` leaves its results, and says where.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write(name: &str, svg: &str) -> io::Result<PathBuf> {
    let folder = target().join("bench");
    fs::create_dir_all(&folder)?;
    let file = folder.join(name);
    fs::write(&file, svg)?;
    Ok(file)
}

fn svg(lines: &[Line]) -> String {
    let height = TOP + lines.len() * ROW + 20;
    let end = LABEL + BAR;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="14">
<style>
  svg {{ background: #fff }} text {{ fill: #1a202c }} .small {{ font-size: 12px; fill: #5a6678 }}
  .limit {{ fill: #edf1f6 }} .bar {{ fill: #2f7d5b }} .missed {{ fill: #c2703d }} .goal {{ stroke: #1a202c; stroke-width: 2 }}
  .barest {{ stroke: #1a202c; stroke-width: 2; stroke-dasharray: 3 3 }}
</style>
<text x="16" y="28" font-size="17" font-weight="600">Requests per second, relative to bare hyper that returns a constant</text>
<text class="small" x="16" y="50">full width: bare hyper; line: the goal; dashed: the minimal service; 32 clients on the same machine</text>
"##
    );
    for (index, line) in lines.iter().enumerate() {
        let y = TOP + index * ROW;
        let text = y + 17;
        let bar = (line.ratio.min(1.0) * BAR as f64).round();
        let mark = |class, ratio| {
            let (x, from, to) = (LABEL as f64 + ratio * BAR as f64, y - 3, y + 27);
            format!(r##"<line class="{class}" x1="{x:.0}" x2="{x:.0}" y1="{from}" y2="{to}"/>"##)
        };
        let goal = mark("goal", line.goal * line.barest.unwrap_or(1.0));
        let barest = line.barest.map(|ratio| mark("barest", ratio)).unwrap_or_default();
        let class = if line.is_reached() { "bar" } else { "missed" };
        // A text can always be written into a string.
        let _ = writeln!(
            svg,
            r##"<text x="16" y="{text}">{name}</text>
<rect class="limit" x="{LABEL}" y="{y}" width="{BAR}" height="24" rx="3"/>
<rect class="{class}" x="{LABEL}" y="{y}" width="{bar}" height="24" rx="3"/>
{goal}{barest}
<text x="{value}" y="{text}">{ratio:.2}</text><text class="small" x="{rate}" y="{text}">{per_second:.0} per second</text>"##,
            name = line.name,
            value = end + 14,
            ratio = line.ratio,
            rate = end + 60,
            per_second = line.rate,
        );
    }
    svg + "</svg>\n"
}
