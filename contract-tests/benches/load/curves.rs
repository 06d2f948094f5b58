//! How cost grows, as a picture: `target/bench/growth.svg`.

use std::{fmt::Write, io, path::PathBuf};

use crate::{
    growth::{Curve, Growth, Point},
    picture,
};

/// The picture's measures, in pixels: two panels side by side, with the names of the curves below.
const WIDTH: usize = 790;
const HEIGHT: usize = 370;
const PANEL: f64 = 310.0;
const LEFT: [f64; 2] = [60.0, 450.0];
const TOP: f64 = 76.0;
const BOTTOM: f64 = 290.0;

/// The classes of the curves, in their order.
const CLASSES: [&str; 3] = ["one", "page", "new"];

/// Draws both kinds of curves, and says where.
///
/// # Errors
/// The picture cannot be written.
pub(crate) fn draw(growth: &Growth) -> io::Result<PathBuf> {
    picture::write("growth.svg", &svg(growth))
}

fn svg(growth: &Growth) -> String {
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" font-size="13">
<style>
  svg {{ background: #fff }} text {{ fill: #1a202c }} .small {{ font-size: 12px; fill: #5a6678 }} .middle {{ text-anchor: middle }} .end {{ text-anchor: end }}
  line {{ stroke: #dde3ea }} polyline {{ fill: none; stroke-width: 2.5 }}
  .one {{ stroke: #2f7d5b; fill: #2f7d5b }} .page {{ stroke: #3a6ea5; fill: #3a6ea5 }} .new {{ stroke: #c2703d; fill: #c2703d }}
  polyline.one, polyline.page, polyline.new {{ fill: none }} text.one, text.page, text.new {{ stroke: none }}
</style>
<text x="16" y="28" font-size="17" font-weight="600">Requests per second, as connections and rows grow</text>
"##
    );
    let panels = [
        ("connections; relative to 32", &growth.by_connections),
        ("rows, with 32 connections; relative to 1,000", &growth.by_rows),
    ];
    for ((title, curves), left) in panels.into_iter().zip(LEFT) {
        panel(&mut svg, title, curves, left);
    }
    for (index, (curve, class)) in growth.by_rows.iter().zip(CLASSES).enumerate() {
        // A text can always be written into a string.
        let _ = writeln!(
            svg,
            r##"<text class="{class}" x="{}" y="{}">{}</text>"##,
            60 + index * 240,
            HEIGHT - 14,
            curve.name
        );
    }
    svg + "</svg>\n"
}

/// A panel with logarithmic sizes from left to right, and ratios from 0 at the bottom.
fn panel(svg: &mut String, title: &str, curves: &[Curve], left: f64) {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let sizes = || points().map(|point| (point.size as f64).ln());
    let (first, last) = (sizes().fold(f64::MAX, f64::min), sizes().fold(0.0, f64::max));
    let most = points().map(|point| point.ratio).fold(1.0, f64::max);
    let x = |size: u64| left + ((size as f64).ln() - first) / (last - first) * PANEL;
    let y = |ratio: f64| BOTTOM - ratio / most * (BOTTOM - TOP);
    let right = left + PANEL;
    let _ = writeln!(svg, r##"<text class="small" x="{left}" y="56">{title}</text>"##);
    for ratio in [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5].into_iter().filter(|ratio| *ratio <= most) {
        let y = y(ratio);
        let _ = writeln!(
            svg,
            r##"<line x1="{left}" x2="{right}" y1="{y:.1}" y2="{y:.1}"/><text class="small end" x="{:.0}" y="{:.1}">{ratio}</text>"##,
            left - 8.0,
            y + 4.0
        );
    }
    for point in curves.iter().take(1).flat_map(|curve| &curve.points) {
        let _ = writeln!(
            svg,
            r##"<text class="small middle" x="{:.1}" y="{:.0}">{}</text>"##,
            x(point.size),
            BOTTOM + 20.0,
            short(point.size)
        );
    }
    for (curve, class) in curves.iter().zip(CLASSES) {
        let place = |point: &Point| (x(point.size), y(point.ratio));
        let places: Vec<_> = curve.points.iter().map(place).collect();
        let line: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(svg, r##"<polyline class="{class}" points="{}"/>"##, line.join(" "));
        for (x, y) in places {
            let _ = writeln!(svg, r##"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="3"/>"##);
        }
    }
}

/// A number for people: `10k` for 10,000, `1M` for a million.
fn short(size: u64) -> String {
    match size {
        1_000_000.. => format!("{}M", size / 1_000_000),
        1_000.. => format!("{}k", size / 1_000),
        _ => size.to_string(),
    }
}
