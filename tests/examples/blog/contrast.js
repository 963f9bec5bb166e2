/** Texts on the page whose contrast is too low (WCAG 2.2, 1.4.3), with what it is. Backgrounds are plain colours here. */
() => {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const linear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([red, green, blue]) => 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  const opaque = ([, , , alpha = 1]) => alpha === 1;
  const behind = (node) => {
    const color = channels(getComputedStyle(node).backgroundColor);
    return opaque(color) ? color : behind(node.parentElement);
  };
  const ratio = (node) => {
    const [dark, light] = [channels(getComputedStyle(node).color), behind(node)].map(luminance).sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const least = (style) => {
    const size = parseFloat(style.fontSize);
    return size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
  };
  const texts = [...document.body.querySelectorAll("*")].filter(
    (node) => node.checkVisibility() && (node.value || [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim())),
  );
  const low = texts.filter((node) => ratio(node) < least(getComputedStyle(node)));
  return { checked: texts.length, low: low.map((node) => `${ratio(node).toFixed(2)} ${node.outerHTML.slice(0, 80)}`) };
}
