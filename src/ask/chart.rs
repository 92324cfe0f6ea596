//! Charts of the report as inline SVG. Text and lines have marker colours, which the page's
//! style sheet replaces, so that a chart is readable in dark and in light.

use chrono::{Datelike, NaiveDate};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::types::RangedCoordi64;
use plotters::prelude::*;
use std::error::Error;
use std::ops::Range;

/// Replaced by the colour of text, and by that of faint lines.
pub const INK: RGBColor = RGBColor(1, 2, 3);
pub const FAINT: RGBColor = RGBColor(3, 2, 1);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

/// How large a chart is, and its text, in units of its own: a page stretches it to its column.
#[derive(Debug, Clone, Copy)]
pub struct Canvas {
    width: u32,
    height: u32,
    text: u32,
}

impl Canvas {
    /// Half of a page, a whole one, and that of a telephone.
    pub const HALF: Canvas = Canvas { width: 520, height: 260, text: 13 };
    pub const WIDE: Canvas = Canvas { width: 960, height: 300, text: 14 };
    pub const SMALL: Canvas = Canvas { width: 340, height: 220, text: 12 };

    fn label<'a>(self) -> TextStyle<'a> {
        ("sans-serif", self.text).into_text_style(&(self.width, self.height)).color(&INK)
    }

    /// How many days are named below it.
    fn days(self) -> usize {
        self.width as usize / 120
    }
}

/// The names of months, from January on.
pub type Months = [&'static str; 12];

/// A colour as people write it in `category.color`, such as `#d9480f`; others give grey.
pub fn color(text: Option<&str>) -> RGBColor {
    let hex = text.and_then(|t| t.strip_prefix('#')).filter(|h| h.len() == 6).and_then(|h| u32::from_str_radix(h, 16).ok());
    hex.map_or(RGBColor(134, 142, 150), |n| RGBColor((n >> 16) as u8, (n >> 8) as u8, n as u8))
}

/// A chart that cannot be drawn is left out of the page: the tables beside it say the same.
fn svg(width: u32, height: u32, draw: impl FnOnce(&Area) -> Drawn) -> String {
    let mut text = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        draw(&area).and_then(|()| area.present().map_err(Into::into))
    };
    if drawn.is_ok() { text } else { String::new() }
}

/// Room for the labels beside a chart that begins on an area.
fn builder<'a, 'b>(area: &'a Area<'b>, canvas: Canvas, below: u32) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut builder = ChartBuilder::on(area);
    builder.margin_top(6).margin_right(10).x_label_area_size(below).y_label_area_size(canvas.text * 7 / 2);
    builder
}

type ByDay<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedDate<NaiveDate>, RangedCoordi64>>;

/// The axes of a chart by day, with faint lines for so many values; the days are named below it
/// where months have names.
fn by_day<'b>(
    area: &Area<'b>,
    canvas: Canvas,
    days: Range<NaiveDate>,
    values: Range<i64>,
    lines: usize,
    months: Option<&Months>,
) -> Result<ByDay<'b>, Box<dyn Error>> {
    let mut chart = builder(area, canvas, months.map_or(0, |_| 26)).build_cartesian_2d(days, values)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(FAINT)
        .axis_style(FAINT)
        .label_style(canvas.label())
        .x_labels(canvas.days())
        .x_label_formatter(&|day| months.map_or(String::new(), |m| format!("{} {}", day.day(), m[day.month0() as usize])))
        .y_labels(lines)
        .draw()?;
    Ok(chart)
}

/// Bars from low to high with their counts, each in a colour.
pub fn histogram(canvas: Canvas, bars: &[(i64, i64, i64, RGBColor)]) -> String {
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else { return String::new() };
    let most = bars.iter().map(|b| b.2).max().unwrap_or(0);
    svg(canvas.width, canvas.height, |area| {
        let mut chart = builder(area, canvas, 26).build_cartesian_2d(first.0..last.1, 0..most + most / 20 + 1)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(FAINT)
            .axis_style(FAINT)
            .label_style(canvas.label())
            .x_labels(canvas.width as usize / 50)
            .y_labels(5)
            .draw()?;
        chart.draw_series(bars.iter().map(|(low, high, persons, color)| {
            let mut bar = Rectangle::new([(*low, 0), (*high, *persons)], color.filled());
            bar.set_margin(0, 0, 1, 1);
            bar
        }))?;
        Ok(())
    })
}

/// What a line of [`days`] shows: its name, points and colour.
pub type Line<'a> = (&'a str, Vec<(NaiveDate, i64)>, RGBColor);

/// Lines by day, one below the other, each by a scale of its own: few persons are hot and many
/// cold, and how both move is to be seen.
pub fn days(canvas: Canvas, lines: &[Line], months: &Months) -> String {
    const BELOW: u32 = 26;
    let points = || lines.iter().flat_map(|(_, points, _)| points);
    let (Some(first), Some(last)) = (points().map(|p| p.0).min(), points().map(|p| p.0).max()) else { return String::new() };
    let each = ((canvas.height - BELOW) / lines.len() as u32).max(58);
    svg(canvas.width, each * lines.len() as u32 + BELOW, |area| {
        let mut rest = area.clone();
        for (nth, (name, points, color)) in lines.iter().enumerate() {
            let is_last = nth + 1 == lines.len();
            let (panel, below) = rest.split_vertically(if is_last { each + BELOW } else { each });
            rest = below;
            panel.draw(&Text::new(*name, (canvas.text as i32 * 7 / 2, 0), canvas.label()))?;
            let panel = panel.margin(canvas.text + 2, 4, 0, 0);
            let (least, most) = (points.iter().map(|p| p.1).min().unwrap_or(0), points.iter().map(|p| p.1).max().unwrap_or(0));
            let room = (most - least) / 10 + 1;
            let mut chart =
                by_day(&panel, canvas, first..last, (least - room).max(0)..most + room, 3, is_last.then_some(months))?;
            chart.draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(3)))?;
        }
        Ok(())
    })
}

/// A score over time, with the lower bounds of categories.
pub struct Course<'a> {
    pub past: Vec<(NaiveDate, i64)>,
    pub today: NaiveDate,
    pub future: Vec<(NaiveDate, i64)>,
    pub until: NaiveDate,
    pub bounds: Vec<(i64, RGBColor, &'a str)>,
    /// The days of what gives points.
    pub marks: Vec<NaiveDate>,
    pub word_for_today: &'a str,
}

/// In steps: what was, with a dot for each mark, a line for today, and what will be, in dashes.
pub fn score(canvas: Canvas, course: &Course, months: &Months) -> String {
    let Some(first) = course.past.first() else { return String::new() };
    let (today, until) = (course.today, course.until);
    let now = course.past.last().map_or(0, |p| p.1);
    let all = || course.past.iter().chain(&course.future).map(|p| p.1);
    let (least, most) = (all().min().unwrap_or(0).min(0), all().max().unwrap_or(0).max(1));
    let room = (most - least) / 8 + 1;
    let (low, high) = (least - room, most + room);
    fn steps(points: &[(NaiveDate, i64)], end: NaiveDate) -> Vec<(NaiveDate, i64)> {
        let until = points.iter().skip(1).map(|p| p.0).chain([end]);
        points.iter().zip(until).flat_map(|(&(day, score), until)| [(day, score), (until, score)]).collect()
    }
    let at = |day: NaiveDate| course.past.iter().rev().find(|p| p.0 <= day).map(|p| (day, p.1));
    let ahead: Vec<_> = [(today, now)].into_iter().chain(course.future.iter().copied()).collect();
    let small = ("sans-serif", canvas.text - 1).into_text_style(&(canvas.width, canvas.height)).color(&INK);
    svg(canvas.width, canvas.height, |area| {
        let mut chart = by_day(area, canvas, first.0..until, low..high, 6, Some(months))?;
        let text = canvas.text as i32;
        // Names of bounds that are close to each other stand side by side.
        let mut named: Vec<(i32, i32)> = Vec::new();
        for (bound, color, name) in course.bounds.iter().filter(|b| b.0 >= low && b.0 <= high) {
            chart.draw_series(LineSeries::new([(first.0, *bound), (until, *bound)], color.stroke_width(1)))?;
            let (x, y) = chart.backend_coord(&(first.0, *bound));
            let beside = named.iter().filter(|(other, _)| (other - y).abs() <= text).map(|(_, end)| *end).max();
            let x = beside.unwrap_or(x + 4);
            let end = x + name.chars().count() as i32 * text * 3 / 5 + text;
            if end <= canvas.width as i32 {
                area.draw(&Text::new(*name, (x, y - text), small.clone()))?;
                named.push((y, end));
            }
        }
        chart.draw_series(LineSeries::new([(today, low), (today, high)], FAINT.stroke_width(2)))?;
        let (x, y) = chart.backend_coord(&(today, high));
        area.draw(&Text::new(course.word_for_today, (x + 5, y), small.clone()))?;
        chart.draw_series(LineSeries::new(steps(&course.past, today), INK.stroke_width(2)))?;
        chart.draw_series(DashedLineSeries::new(steps(&ahead, until), 5, 4, INK.stroke_width(2)))?;
        chart.draw_series(course.marks.iter().filter_map(|day| at(*day)).map(|at| Circle::new(at, 3, INK.filled())))?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONTHS: Months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 3, day).unwrap()
    }

    #[test]
    fn colours_are_read_or_grey() {
        assert_eq!(color(Some("#d9480f")), RGBColor(0xd9, 0x48, 0x0f));
        assert_eq!(color(Some("red\"/><script>")), color(None));
    }

    #[test]
    fn nothing_to_draw_is_no_chart() {
        assert_eq!(histogram(Canvas::HALF, &[]), "");
        assert_eq!(days(Canvas::HALF, &[], &MONTHS), "");
        assert!(histogram(Canvas::SMALL, &[(0, 5, 3, INK)]).starts_with("<svg"));
    }

    #[test]
    fn each_category_has_its_panel() {
        let lines = [("hot <b>", vec![(day(1), 3), (day(9), 5)], INK), ("cold", vec![(day(1), 900), (day(9), 900)], FAINT)];
        let chart = days(Canvas::SMALL, &lines, &MONTHS);
        assert!(chart.contains("hot &lt;b&gt;") && chart.contains("cold") && chart.contains("Mar"), "{chart}");
    }

    #[test]
    fn a_score_has_bounds_marks_and_a_future() {
        let course = Course {
            past: vec![(day(1), 0), (day(3), 10)],
            today: day(10),
            future: vec![(day(20), 0)],
            until: day(25),
            bounds: vec![(5, FAINT, "warm"), (5000, FAINT, "hot")],
            marks: vec![day(3)],
            word_for_today: "today",
        };
        let chart = score(Canvas::WIDE, &course, &MONTHS);
        assert!(chart.contains("warm") && chart.contains("today") && !chart.contains("hot"), "{chart}");
        assert_eq!(chart.matches("<circle").count(), 1);
    }

    #[test]
    fn names_of_bounds_do_not_overlap() {
        let course = |most| Course {
            past: vec![(day(1), 0), (day(3), most)],
            today: day(10),
            future: vec![],
            until: day(25),
            bounds: vec![(10, INK, "warm"), (30, INK, "hot"), (60, INK, "burning")],
            marks: vec![],
            word_for_today: "today",
        };
        // Where the name of a bound begins: its left and its height.
        let place = |chart: &str, name: &str| {
            let before = chart.split(&format!("\n{name}\n")).next().unwrap_or_default().to_owned();
            let tag = before.rsplit("<text").next().unwrap_or_default().to_owned();
            let of = |attribute: &str| -> i32 {
                let value = tag.split(&format!(" {attribute}=\"")).nth(1).and_then(|rest| rest.split('"').next());
                value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} in {chart}"))
            };
            (of("x"), of("y"))
        };
        let near = score(Canvas::SMALL, &course(100), &MONTHS);
        assert_eq!(place(&near, "warm").0, place(&near, "burning").0, "all have room on the left");
        let far = score(Canvas::SMALL, &course(5_000), &MONTHS);
        let (warm, hot, burning) = (place(&far, "warm"), place(&far, "hot"), place(&far, "burning"));
        assert!((warm.1 - burning.1).abs() < 10, "{far}");
        assert!(warm.0 + 20 < hot.0 && hot.0 + 15 < burning.0, "{far}");
    }
}
