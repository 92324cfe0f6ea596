//! Charts of the report as inline SVG. Text and lines have marker colours, which the page's
//! style sheet replaces, so that a chart is readable in dark and in light.

use chrono::NaiveDate;
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

/// A colour as people write it in `category.color`, such as `#d9480f`; others give grey.
pub fn color(text: Option<&str>) -> RGBColor {
    let hex = text.and_then(|t| t.strip_prefix('#')).filter(|h| h.len() == 6).and_then(|h| u32::from_str_radix(h, 16).ok());
    hex.map_or(RGBColor(134, 142, 150), |n| RGBColor((n >> 16) as u8, (n >> 8) as u8, n as u8))
}

/// A chart that cannot be drawn is left out of the page: the tables beside it say the same.
fn svg(size: (u32, u32), draw: impl FnOnce(&Area) -> Drawn) -> String {
    let mut text = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(&area).and_then(|()| area.present().map_err(Into::into))
    };
    if drawn.is_ok() { text } else { String::new() }
}

/// Room for the labels beside a chart that begins on an area.
fn builder<'a, 'b>(area: &'a Area<'b>) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut builder = ChartBuilder::on(area);
    builder.margin(8).x_label_area_size(26).y_label_area_size(56);
    builder
}

type ByDay<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedDate<NaiveDate>, RangedCoordi64>>;

/// The axes of a chart by day, with faint lines for so many values.
fn by_day<'b>(area: &Area<'b>, days: Range<NaiveDate>, values: Range<i64>, lines: usize) -> Result<ByDay<'b>, Box<dyn Error>> {
    let mut chart = builder(area).build_cartesian_2d(days, values)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(FAINT)
        .axis_style(FAINT)
        .label_style(label())
        .x_labels(4)
        .x_label_formatter(&|day| day.format("%Y-%m-%d").to_string())
        .y_labels(lines)
        .draw()?;
    Ok(chart)
}

fn label<'a>() -> TextStyle<'a> {
    ("sans-serif", 15).into_text_style(&(520, 210)).color(&INK)
}

/// Bars from low to high with their counts, each in a colour.
pub fn histogram(bars: &[(i64, i64, i64, RGBColor)]) -> String {
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else { return String::new() };
    let most = bars.iter().map(|b| b.2).max().unwrap_or(0);
    svg((520, 210), |area| {
        let mut chart = builder(area).build_cartesian_2d(first.0..last.1, 0..most + most / 20 + 1)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(FAINT)
            .axis_style(FAINT)
            .label_style(label())
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

/// Lines by day, each with a colour.
pub fn days(lines: &[(Vec<(NaiveDate, i64)>, RGBColor)]) -> String {
    let points = || lines.iter().flat_map(|(points, _)| points);
    let (Some(first), Some(last)) = (points().map(|p| p.0).min(), points().map(|p| p.0).max()) else { return String::new() };
    let most = points().map(|p| p.1).max().unwrap_or(0);
    svg((520, 210), |area| {
        let mut chart = by_day(area, first..last, 0..most + most / 20 + 1, 5)?;
        for (points, color) in lines {
            chart.draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(3)))?;
        }
        Ok(())
    })
}

/// A score over time, in steps: what was, a line for today, and what will be, thin; with the
/// lower bounds of categories.
pub fn score(
    past: &[(NaiveDate, i64)],
    today: NaiveDate,
    future: &[(NaiveDate, i64)],
    until: NaiveDate,
    bounds: &[(i64, RGBColor)],
) -> String {
    let Some(first) = past.first() else { return String::new() };
    let now = past.last().map_or(0, |p| p.1);
    let all = || past.iter().chain(future).map(|p| p.1);
    let (least, most) = (all().min().unwrap_or(0).min(0), all().max().unwrap_or(0).max(1));
    let room = (most - least) / 12 + 1;
    fn steps(points: &[(NaiveDate, i64)], end: NaiveDate) -> Vec<(NaiveDate, i64)> {
        let until = points.iter().skip(1).map(|p| p.0).chain([end]);
        points.iter().zip(until).flat_map(|(&(day, score), until)| [(day, score), (until, score)]).collect()
    }
    let ahead: Vec<_> = [(today, now)].into_iter().chain(future.iter().copied()).collect();
    svg((760, 280), |area| {
        let mut chart = by_day(area, first.0..until, least - room..most + room, 6)?;
        for (bound, color) in bounds.iter().filter(|b| b.0 >= least - room && b.0 <= most + room) {
            chart.draw_series(LineSeries::new([(first.0, *bound), (until, *bound)], color.stroke_width(1)))?;
        }
        chart.draw_series(LineSeries::new([(today, least - room), (today, most + room)], FAINT.stroke_width(2)))?;
        chart.draw_series(LineSeries::new(steps(past, today), INK.stroke_width(3)))?;
        chart.draw_series(LineSeries::new(steps(&ahead, until), INK.stroke_width(1)))?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_or_grey() {
        assert_eq!(color(Some("#d9480f")), RGBColor(0xd9, 0x48, 0x0f));
        assert_eq!(color(Some("red\"/><script>")), color(None));
    }

    #[test]
    fn nothing_to_draw_is_no_chart() {
        assert_eq!(histogram(&[]), "");
        assert_eq!(days(&[]), "");
        assert!(histogram(&[(0, 5, 3, INK)]).starts_with("<svg"));
    }
}
