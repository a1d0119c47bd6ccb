// 10 to the power of a whole number.
const raised = (k) => "10" + String(k).replace(/./g, (c) => c === "-" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[c]);
// The numbers of evenly spaced ticks, as `jspline._text.labels` writes them.
function labels(values) {
  const whole = (step, d) => { const s = step * 10 ** d; return s > 0.5 && Math.abs(s - Math.round(s)) < 1e-3 * s; };
  const digits = (step) => { for (let d = 0; d < 15; d++) if (whole(step, d)) return d; return 15; };
  const size = Math.max(0, ...values.map(Math.abs));
  if (size === 0) return values.map(() => "0");
  const gaps = values.slice(1).map((v, k) => Math.abs(v - values[k]));
  const step = gaps.length && Math.min(...gaps) > 0 ? Math.min(...gaps) : size;
  const x = values.map((v) => (Math.abs(v) < 1e-6 * step ? 0 : v));
  const power = (v) => {
    if (v === 0) return "0";
    const p = Math.floor(Math.log10(Math.abs(v)) + 1e-9), text = (v / 10 ** p).toFixed(digits(step / 10 ** p));
    return (text.includes(".") ? text.replace(/\.?0+$/, "") : text) + "e" + p;
  };
  const fixed = x.map((v) => v.toFixed(digits(step))), powers = x.map(power);
  const longest = (some) => Math.max(...some.map((text) => text.replace(/^-/, "").length));
  const chosen = longest(fixed) > 5 && longest(powers) < longest(fixed) ? powers : fixed;
  return chosen.map((text) => text.replaceAll("-", "\u2212"));
}
