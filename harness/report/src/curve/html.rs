//! A curve as one page without anything beside it: the picture, and below it every number.

use highwater_model::{Curve, Frontier};

use super::{CurveDrawError, cells, curve_svg, spread};

const STYLE: &str = "\
body{font:15px/1.5 system-ui,sans-serif;max-width:1040px;margin:24px auto;padding:0 20px;color:#222;background:#fff}\
svg{max-width:100%;height:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:13px;width:100%}\
th,td{padding:4px 8px;text-align:right;border-bottom:1px solid #ddd;white-space:nowrap}th{font-weight:600}\
th:first-child,td:first-child,th:last-child,td:last-child{text-align:left}tr.frontier td{background:#eef6ee}\
p{margin:6px 0;color:#444}";

/// The page.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn curve_html(curve: &Curve, accepted: Option<&Frontier>) -> Result<String, CurveDrawError> {
    let name = escape(&curve.name);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{name}: time against peak memory</title>\
         <style>{STYLE}</style></head>\n<body>\n<h1>{name}: time against peak memory</h1>\n"
    );
    for note in &curve.notes {
        page.push_str(&format!("<p>{}</p>\n", escape(note)));
    }
    page.push_str(&curve_svg(curve, accepted)?);
    let (headings, rows) = cells(curve);
    page.push_str("\n<table><thead><tr>");
    for heading in headings {
        page.push_str(&format!("<th>{}</th>", escape(&heading)));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for (point, row) in curve.points.iter().zip(rows) {
        let class = if row.last().is_some_and(|mark| !mark.is_empty()) { " class=\"frontier\"" } else { "" };
        let title = format!("peak {} in {} samples", spread(&point.peak), point.peak.samples);
        page.push_str(&format!("<tr{class} title=\"{}\">", escape(&title)));
        for cell in row {
            page.push_str(&format!("<td>{}</td>", escape(&cell)));
        }
        page.push_str("</tr>\n");
    }
    let built = &curve.provenance;
    page.push_str(&format!(
        "</tbody></table>\n<p>Medians. Time and peak are of the same runs, each in a process of its own; peak is requested bytes of the \
         Rust heap. Built with rustc {}, profile {}, opt-level {}, for {}.</p>\n</body></html>\n",
        escape(&built.rustc),
        escape(&built.profile),
        escape(&built.opt_level),
        escape(&built.target),
    ));
    Ok(page)
}

/// Text that opens no markup.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::tests::curve;

    #[test]
    fn the_page_holds_picture_notes_and_every_point() {
        let page = curve_html(&curve(), None).unwrap();
        assert!(page.contains("<svg ") && page.contains("<p>time is scaled by 1:50 &lt;b&gt;</p>"), "{page}");
        assert_eq!(page.matches("<tr class=\"frontier\"").count(), 3, "{page}");
        assert_eq!(page.matches("<td>paged page_size=100</td>").count(), 1, "{page}");
        for outside in ["http://", "https://", "<script", "src="] {
            let found = page.replace("http://www.w3.org/2000/svg", "");
            assert!(!found.contains(outside), "{outside} in {page}");
        }
    }
}
