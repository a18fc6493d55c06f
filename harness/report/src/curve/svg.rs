//! A curve as a picture: peak to the right, time upwards, both by their ratios (logarithmic), so that down and to the left is better.
//! Every point is labelled where there is room, those on the frontier and the references with their times as multiples of the first
//! reference's; the frontier is a staircase, the accepted one lies behind it.

use highwater_model::{Bytes, Curve, CurvePoint, Frontier};
use plotters::coord::Shift;
use plotters::prelude::{
    Circle, DrawingArea, IntoDrawingArea, IntoFont, PathElement, RGBColor, Rectangle, SVGBackend, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, ShapeStyle, TextStyle};

use super::{time, times};

/// A picture could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("failed to draw the curve: {0}")]
pub struct CurveDrawError(String);

const WIDTH: i32 = 1_000;
const HEIGHT: i32 = 640;
/// The frame of the points: left, right, top, bottom.
const FRAME: (i32, i32, i32, i32) = (78, WIDTH - 30, 92, HEIGHT - 58);
/// Colours that those who see fewer of them tell apart, after Okabe and Ito (<https://jfly.uni-koeln.de/color/>).
const SERIES: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
];
const INK: RGBColor = RGBColor(34, 34, 34);
const FAINT: RGBColor = RGBColor(120, 120, 120);
const GRID: RGBColor = RGBColor(229, 229, 229);
const BEFORE: RGBColor = RGBColor(168, 168, 168);
const LIMIT: RGBColor = RGBColor(190, 30, 45);
/// Pixels of a letter, on average, at a size of 1: what a browser sets `sans-serif` in is not known here.
const LETTER: f64 = 0.56;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The picture, as an SVG of 1,000 by 640.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn curve_svg(curve: &Curve, accepted: Option<&Frontier>) -> Result<String, CurveDrawError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH.unsigned_abs(), HEIGHT.unsigned_abs())).into_drawing_area();
        draw(&area, curve, accepted)?;
        area.present().map_err(failed)?;
    }
    Ok(svg)
}

fn failed(error: impl std::fmt::Display) -> CurveDrawError {
    CurveDrawError(error.to_string())
}

/// Values between two ends on one edge of the frame, by their ratios.
struct Axis {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// An axis on which all these values are, and a little beyond.
    fn new(values: impl Iterator<Item = f64>, from: i32, to: i32) -> Self {
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for value in values.map(|value| value.max(1.0)) {
            (least, most) = (least.min(value), most.max(value));
        }
        let least = if least.is_finite() { least } else { 1.0 };
        let margin = (most / least).powf(0.06).max(1.12);
        Self { least: least / margin, most: most.max(least) * margin, from: from.into(), to: to.into() }
    }

    fn place(&self, value: f64) -> i32 {
        let part = (value.max(1.0) / self.least).ln() / (self.most / self.least).ln();
        (self.from + part * (self.to - self.from)).round() as i32
    }

    /// Round numbers on it: of `unit`s, in steps of `base`, the coarsest of which there are four.
    fn ticks(&self, base: f64, between: &[&[f64]]) -> Vec<f64> {
        let mut ticks = Vec::new();
        for factors in between {
            ticks.clear();
            let mut power = base.powf(self.least.log(base).floor());
            while power <= self.most {
                let on_it = factors.iter().map(|factor| factor * power);
                ticks.extend(on_it.filter(|tick| (self.least..=self.most).contains(tick)));
                power *= base;
            }
            if ticks.len() >= 4 {
                break;
            }
        }
        ticks
    }
}

fn draw(area: &Area<'_>, curve: &Curve, accepted: Option<&Frontier>) -> Result<(), CurveDrawError> {
    let (left, right, top, bottom) = FRAME;
    area.fill(&RGBColor(255, 255, 255)).map_err(failed)?;
    // Times that are accepted are multiples of the reference's.
    let reference = accepted.and_then(|accepted| curve.point(&accepted.reference.scenario(&accepted.curve)));
    let before: Vec<(f64, f64)> = accepted
        .zip(reference)
        .map(|(accepted, reference)| {
            let unit = reference.micros.median as f64 / 1_000.0;
            accepted.points.iter().map(|point| (point.peak.median as f64, point.ratio as f64 * unit)).collect()
        })
        .unwrap_or_default();
    let at = |point: &CurvePoint| (point.peak.median as f64, point.micros.median as f64);
    let all = || curve.points.iter().map(at).chain(before.iter().copied());
    let highest = all().map(|(peak, _)| peak).fold(0.0, f64::max);
    // A limit far to the right would leave no room for the points.
    let limit = curve.limit.map(|limit| limit.0 as f64).filter(|limit| *limit <= highest * 4.0);
    let x = Axis::new(all().map(|(peak, _)| peak).chain(limit), left, right);
    let y = Axis::new(all().map(|(_, time)| time), bottom, top);
    let place = |(peak, time): (f64, f64)| (x.place(peak), y.place(time));

    grid(area, &x, &y)?;
    let mut labels = Labels { taken: Vec::new(), lines: Vec::new() };
    if let Some(limit) = limit {
        let at = x.place(limit);
        dashed(area, &[(at, top), (at, bottom)], LIMIT.stroke_width(2))?;
        labels.avoid(&[(at, top), (at, bottom)]);
        let text = format!("limit {}", Bytes(limit as u64));
        let style = font(12.0, LIMIT, HPos::Right, VPos::Top);
        area.draw(&Text::new(text.clone(), (at - 5, top + 4), style)).map_err(failed)?;
        labels.taken.push(text_box(&text, 12.0, (at - 5, top + 4), HPos::Right, VPos::Top));
    }
    let was = staircase(&before.iter().map(|point| place(*point)).collect::<Vec<_>>());
    dashed(area, &was, BEFORE.stroke_width(2))?;
    for point in &before {
        area.draw(&Circle::new(place(*point), 6, BEFORE.stroke_width(2))).map_err(failed)?;
    }
    let frontier = curve.frontier();
    let steps: Vec<(i32, i32)> = frontier.iter().map(|point| place(at(point))).collect();
    let steps = staircase(&steps);
    area.draw(&PathElement::new(steps.clone(), INK.stroke_width(2))).map_err(failed)?;
    for point in &before {
        let (px, py) = place(*point);
        labels.taken.push((px - 7, py - 7, px + 7, py + 7));
    }
    labels.avoid(&steps);
    labels.avoid(&was);

    let series = series_of(curve);
    let references: Vec<&CurvePoint> = curve.references().collect();
    // What is looked for at first: it is drawn in full, and has the first choice of room.
    let is_marked = |point: &CurvePoint| frontier.contains(&point) || references.contains(&point);
    let mut ordered: Vec<&CurvePoint> = curve.points.iter().collect();
    ordered.sort_by_key(|point| !is_marked(point));
    for point in &ordered {
        let (px, py) = place(at(point));
        labels.taken.push((px - 7, py - 7, px + 7, py + 7));
    }
    for point in ordered.iter().rev() {
        let colour = colour_of(&series, point);
        let (size, style) = if is_marked(point) { (6, colour.filled()) } else { (4, colour.mix(0.55).filled()) };
        area.draw(&Circle::new(place(at(point)), size, style)).map_err(failed)?;
    }
    for point in ordered {
        let is_marked = is_marked(point);
        let text = match (references.first(), point.setting.knobs.is_empty()) {
            (Some(reference), _) if is_marked => format!("{} {}", point.setting, times(point.ratio(reference))),
            (_, true) => point.setting.to_string(),
            (_, false) => point.setting.shown_knobs(),
        };
        let (size, colour) = if is_marked { (13.0, INK) } else { (11.0, FAINT) };
        if let Some((corner, anchor, is_far)) = labels.find(&text, size, place(at(point)), is_marked) {
            if is_far {
                let line = PathElement::new(vec![place(at(point)), corner], FAINT.mix(0.5).stroke_width(1));
                area.draw(&line).map_err(failed)?;
            }
            area.draw(&Text::new(text, corner, font(size, colour, anchor.0, anchor.1))).map_err(failed)?;
        }
    }
    legend(area, curve, &series, !before.is_empty())
}

/// The names of the series, in the order in which they first occur.
fn series_of(curve: &Curve) -> Vec<&str> {
    let mut series: Vec<&str> = Vec::new();
    for point in &curve.points {
        if !series.contains(&point.setting.series.as_str()) {
            series.push(&point.setting.series);
        }
    }
    series
}

fn colour_of(series: &[&str], point: &CurvePoint) -> RGBColor {
    let index = series.iter().position(|name| *name == point.setting.series).unwrap_or_default();
    SERIES[index % SERIES.len()]
}

fn font(size: f64, colour: RGBColor, across: HPos, up: VPos) -> TextStyle<'static> {
    let mut style = TextStyle::from(("sans-serif", size).into_font()).pos(Pos::new(across, up));
    style.color = colour.to_backend_color();
    style
}

fn grid(area: &Area<'_>, x: &Axis, y: &Axis) -> Result<(), CurveDrawError> {
    let (left, right, top, bottom) = FRAME;
    let powers_of_two: [&[f64]; 3] = [&[1.0], &[1.0, 1.5], &[1.0, 1.25, 1.5, 1.75]];
    for tick in x.ticks(2.0, &powers_of_two) {
        let at = x.place(tick);
        area.draw(&PathElement::new(vec![(at, top), (at, bottom)], GRID.stroke_width(1))).map_err(failed)?;
        let style = font(12.0, INK, HPos::Center, VPos::Top);
        area.draw(&Text::new(Bytes(tick.round() as u64).to_string(), (at, bottom + 8), style)).map_err(failed)?;
    }
    let tens: [&[f64]; 3] = [
        &[1.0, 2.0, 5.0],
        &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
        &[1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0],
    ];
    for tick in y.ticks(10.0, &tens) {
        let at = y.place(tick);
        area.draw(&PathElement::new(vec![(left, at), (right, at)], GRID.stroke_width(1))).map_err(failed)?;
        let style = font(12.0, INK, HPos::Right, VPos::Center);
        area.draw(&Text::new(time(tick.round() as i64), (left - 8, at), style)).map_err(failed)?;
    }
    area.draw(&PathElement::new(vec![(left, top), (left, bottom), (right, bottom)], INK.stroke_width(1)))
        .map_err(failed)?;
    let style = font(13.0, INK, HPos::Center, VPos::Bottom);
    area.draw(&Text::new("peak memory (logarithmic)", ((left + right) / 2, HEIGHT - 10), style)).map_err(failed)?;
    let style = font(13.0, INK, HPos::Left, VPos::Bottom);
    area.draw(&Text::new("time (logarithmic)", (12, top - 10), style)).map_err(failed)?;
    Ok(())
}

/// Down and to the right: what is to be had with so much memory.
fn staircase(points: &[(i32, i32)]) -> Vec<(i32, i32)> {
    let mut steps: Vec<(i32, i32)> = Vec::new();
    for point in points {
        if let Some((_, above)) = steps.last() {
            steps.push((point.0, *above));
        }
        steps.push(*point);
    }
    if let Some((_, last)) = steps.last().copied() {
        steps.push((FRAME.1, last));
    }
    steps
}

fn dashed(area: &Area<'_>, path: &[(i32, i32)], style: ShapeStyle) -> Result<(), CurveDrawError> {
    const DASH: i32 = 7;
    for pair in path.windows(2) {
        let ((x1, y1), (x2, y2)) = (pair[0], pair[1]);
        let (width, height) = (x2 - x1, y2 - y1);
        let dashes = (width.abs().max(height.abs()) / DASH).max(1);
        let at = |dash: i32| (x1 + width * dash / dashes, y1 + height * dash / dashes);
        for dash in (0..dashes).step_by(2) {
            area.draw(&PathElement::new(vec![at(dash), at((dash + 1).min(dashes))], style)).map_err(failed)?;
        }
    }
    Ok(())
}

/// Left, top, right and bottom.
type Box4 = (i32, i32, i32, i32);

fn text_box(text: &str, size: f64, (x, y): (i32, i32), across: HPos, up: VPos) -> Box4 {
    let width = (text.chars().count() as f64 * size * LETTER).ceil() as i32;
    let height = (size * 1.15).ceil() as i32;
    let left = match across {
        HPos::Left => x,
        HPos::Center => x - width / 2,
        HPos::Right => x - width,
    };
    let top = match up {
        VPos::Top => y,
        VPos::Center => y - height / 2,
        VPos::Bottom => y - height,
    };
    (left, top, left + width, top + height)
}

/// Where a label begins, how it is anchored there, and whether that is far from its point.
type Place = ((i32, i32), (HPos, VPos), bool);

/// The places that are taken, by points and by labels.
struct Labels {
    taken: Vec<Box4>,
    /// What a label may lie over where there is no other room for it.
    lines: Vec<Box4>,
}

impl Labels {
    /// Keeps labels off these lines, upright and level ones.
    fn avoid(&mut self, path: &[(i32, i32)]) {
        let boxes = path.windows(2).map(|pair| {
            let ((x1, y1), (x2, y2)) = (pair[0], pair[1]);
            (x1.min(x2) - 1, y1.min(y2) - 1, x1.max(x2) + 1, y1.max(y2) + 1)
        });
        self.lines.extend(boxes);
    }

    /// A free place for a label near its point: where it begins, how it is anchored there, and whether that is so far away that it
    /// takes a line. `None` where all is full; the table has the point all the same.
    fn find(&mut self, text: &str, size: f64, point: (i32, i32), over_lines: bool) -> Option<Place> {
        self.off_lines(text, size, point).or_else(|| {
            let lines = std::mem::take(&mut self.lines);
            let place = if over_lines { self.off_lines(text, size, point) } else { None };
            self.lines = lines;
            place
        })
    }

    fn off_lines(&mut self, text: &str, size: f64, (px, py): (i32, i32)) -> Option<Place> {
        let (left, right, top, bottom) = FRAME;
        for (distance, is_far) in [(9, false), (20, true), (34, true), (50, true), (70, true)] {
            // Off the point's own box.
            let near = distance * 9 / 10;
            for (dx, dy, across, up) in [
                (distance, 0, HPos::Left, VPos::Center),
                (near, -near, HPos::Left, VPos::Bottom),
                (near, near, HPos::Left, VPos::Top),
                (-near, -near, HPos::Right, VPos::Bottom),
                (-distance, 0, HPos::Right, VPos::Center),
                (-near, near, HPos::Right, VPos::Top),
                (0, -distance, HPos::Center, VPos::Bottom),
                (0, distance, HPos::Center, VPos::Top),
            ] {
                let corner = (px + dx, py + dy);
                let wanted = text_box(text, size, corner, across, up);
                let inside = wanted.0 > left && wanted.1 > top && wanted.2 < right && wanted.3 < bottom;
                if inside && !self.taken.iter().chain(&self.lines).any(|taken| overlap(*taken, wanted)) {
                    self.taken.push(wanted);
                    return Some((corner, (across, up), is_far));
                }
            }
        }
        None
    }
}

fn overlap(one: Box4, other: Box4) -> bool {
    one.0 < other.2 && other.0 < one.2 && one.1 < other.3 && other.1 < one.3
}

fn legend(area: &Area<'_>, curve: &Curve, series: &[&str], before: bool) -> Result<(), CurveDrawError> {
    let title = format!("{}: time against peak memory, lower left is better", curve.name);
    area.draw(&Text::new(title, (12, 12), font(17.0, INK, HPos::Left, VPos::Top))).map_err(failed)?;
    let (mut x, y) = (14, 50);
    let told = |x: &mut i32, text: &str| -> Result<(), CurveDrawError> {
        area.draw(&Text::new(text.to_owned(), (*x, y), font(13.0, INK, HPos::Left, VPos::Center))).map_err(failed)?;
        *x += (text.chars().count() as f64 * 13.0 * LETTER) as i32 + 20;
        Ok(())
    };
    for (i, name) in series.iter().enumerate() {
        area.draw(&Rectangle::new([(x, y - 5), (x + 10, y + 5)], SERIES[i % SERIES.len()].filled())).map_err(failed)?;
        x += 15;
        told(&mut x, name)?;
    }
    area.draw(&PathElement::new(vec![(x, y), (x + 24, y)], INK.stroke_width(2))).map_err(failed)?;
    x += 29;
    told(&mut x, "frontier")?;
    if before {
        dashed(area, &[(x, y), (x + 28, y)], BEFORE.stroke_width(2))?;
        x += 33;
        told(&mut x, "accepted frontier")?;
    }
    if let Some(reference) = curve.references().next() {
        told(&mut x, &format!("1.00x: the time of {}", reference.setting))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::tests::{curve, point};

    #[test]
    fn every_point_is_drawn_and_labelled_and_the_limit_is_a_line() {
        let svg = curve_svg(&curve(), None).unwrap();
        let told = ["upsert 1.00x", "paged 1.80x", "paged page_size=100 6.67x", "1.00x: the time of upsert"];
        for text in told.into_iter().chain(["reconcile", "limit 64.0 MiB", ">\nfrontier\n<"]) {
            assert!(svg.contains(text), "{text:?} is not in {svg}");
        }
        assert_eq!(svg.matches("<circle").count(), 4);
        assert!(!svg.contains("accepted frontier"));
    }

    #[test]
    fn the_accepted_frontier_lies_behind() {
        let accepted = Frontier::accept(&curve(), None, None);
        let svg = curve_svg(&curve(), Some(&accepted)).unwrap();
        assert!(svg.contains("accepted frontier"));
        assert_eq!(svg.matches("<circle").count(), 7, "three of them are accepted");
        let first = svg.find("<circle").unwrap();
        assert!(svg[first..].contains("fill=\"none\""), "what is accepted is drawn first, and hollow");
    }

    #[test]
    fn a_limit_far_away_leaves_the_points_their_room() {
        let far = Curve { limit: Some(Bytes::mib(10_000)), ..curve() };
        assert!(!curve_svg(&far, None).unwrap().contains("limit"));
    }

    #[test]
    fn one_point_and_points_of_nothing_are_drawn() {
        let one = Curve { points: vec![point("a", &[], 0, 0)], references: vec!["sync.a".into()], ..curve() };
        assert!(curve_svg(&one, None).unwrap().contains("<circle"));
    }

    #[test]
    fn the_label_of_a_frontier_s_first_point_stands_off_its_line() {
        // Where the outermost points are drawn: no room to the left, little above.
        let (px, py) = (FRAME.0 + 48, FRAME.2 + 26);
        let mut labels = Labels { taken: vec![(px - 7, py - 7, px + 7, py + 7)], lines: Vec::new() };
        labels.avoid(&[(px, py), (px + 147, py), (px + 147, py + 195)]);
        let (.., is_far) = labels.find("paged page_size=100", 13.0, (px, py), true).unwrap();
        let label = labels.taken[1];
        assert!(!is_far && !labels.lines.iter().any(|line| overlap(*line, label)), "{label:?}");
    }

    #[test]
    fn labels_never_overlap() {
        let mut labels = Labels { taken: Vec::new(), lines: Vec::new() };
        let found = (0..30).filter(|_| labels.find("page_size=100", 11.0, (500, 300), false).is_some()).count();
        assert!(found > 8, "{found}");
        for (i, one) in labels.taken.iter().enumerate() {
            assert!(!labels.taken[i + 1..].iter().any(|other| overlap(*one, *other)), "{:?}", labels.taken);
        }
    }
}
