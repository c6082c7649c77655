//! What the pages of jobs have in common: how they look, and how numbers are written for people.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// A page that needs nothing beside itself.
pub(in crate::job) fn page(title: &str, body: Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    }
    .into_string()
}

const STYLE: &str = "
:root{--ink:#1c2430;--dim:#5c6773;--line:#d5dbe1;--paper:#fff;--soft:#f4f6f8}
*{box-sizing:border-box}body{margin:0 auto;max-width:1080px;padding:28px 32px 48px;font:15px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;color:var(--ink);background:var(--paper)}
h1{font-size:25px;margin:0 0 2px}h2{font-size:17px;margin:30px 0 8px;border-bottom:1px solid var(--line);padding-bottom:4px}p{margin:6px 0}
.dim{color:var(--dim)}.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}code,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12.5px}
.hash{overflow-wrap:anywhere}table{border-collapse:collapse;width:100%;margin:8px 0}th,td{padding:4px 10px 4px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}th{font-weight:600;color:var(--dim);font-size:13px}
th.num{text-align:right}.cards{display:grid;grid-template-columns:repeat(4,1fr);gap:12px;margin:18px 0}.card{background:var(--soft);border-radius:6px;padding:12px 14px}.card b{display:block;font-size:23px;font-variant-numeric:tabular-nums}
.verdict{display:inline-block;padding:3px 12px;border-radius:4px;font-weight:600;color:#fff}.good{background:#0b6e4f}.bad{background:#b45309}.swatch{display:inline-block;width:11px;height:11px;border-radius:2px;margin-right:7px}
svg{display:block;width:100%;height:auto}svg text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:var(--ink)}.sign{display:grid;grid-template-columns:1fr 1fr 1fr;gap:28px;margin-top:44px}.sign div{border-top:1px solid var(--ink);padding-top:5px;color:var(--dim);font-size:13px}
.options{overflow-wrap:anywhere;max-width:320px}.nowrap{white-space:nowrap}.bar{width:120px}pre{background:var(--soft);border-radius:6px;padding:12px 14px;white-space:pre-wrap}
@media screen and (max-width:700px){body{padding:16px}.cards{grid-template-columns:repeat(2,1fr)}table{display:block;overflow-x:auto}}
@media print{@page{margin:14mm}body{max-width:none;padding:0;font-size:10.5pt}h2{break-after:avoid}tr,.card,svg,.sign{break-inside:avoid}thead{display:table-header-group}h2{margin-top:20px}.bar{display:none}.options{font-size:8.5pt}td,th{padding:3px 8px 3px 0}.sign{margin-top:34px}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
";

/// A share for people: what is not all does not round to all, what is not none not to none.
pub(crate) fn percent(share: f64) -> String {
    match share * 100.0 {
        percent if percent > 99.99 && percent < 100.0 => String::from("> 99.99 %"),
        percent if percent > 0.0 && percent < 0.01 => String::from("< 0.01 %"),
        percent => format!("{percent:.2} %"),
    }
}

/// Two shares side by side, with as many digits as tell them apart.
pub(crate) fn percents(a: f64, b: f64) -> [String; 2] {
    let mut texts = [a, b].map(percent);
    let mut decimals = 3;
    while texts[0] == texts[1] && a != b && decimals < 16 {
        texts = [a, b].map(|share| format!("{:.decimals$} %", share * 100.0));
        decimals += 1;
    }
    texts
}

/// `10,000,000`; the faces write numbers so too.
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!([0, 999, 1000, 10_000_000].map(thousands), ["0", "999", "1,000", "10,000,000"]);
        assert_eq!([1.0, 0.999_999, 0.5, 0.0].map(percent), ["100.00 %", "> 99.99 %", "50.00 %", "0.00 %"]);
        assert_eq!([0.000_006, 0.0001].map(percent), ["< 0.01 %", "0.01 %"]);
        assert_eq!(percents(0.0, 0.000_006), ["0.00 %", "< 0.01 %"]);
        assert_eq!(percents(0.0501, 0.050_102), ["5.0100 %", "5.0102 %"]);
        assert_eq!(percents(0.000_05, 0.000_051), ["0.0050 %", "0.0051 %"]);
        assert_eq!(percents(0.5, 0.5), ["50.00 %", "50.00 %"]);
    }
}
