// Pictures of a sound: its spectrogram with its waveform below, in the colours of the page.

const WINDOW = 512, FRAMES = 160, ROWS = 80, RANGE_DB = 65;

// Draws samples (interleaved) onto a canvas at the size that it has on the screen; null clears it.
export function drawSound(canvas, samples, channels, rate) {
  const scale = devicePixelRatio || 1, context = canvas.getContext("2d");
  const width = canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale));
  const height = canvas.height = Math.max(1, Math.round(canvas.clientHeight * scale));
  if (!samples) return;
  const mono = mixed(samples, channels), style = getComputedStyle(canvas);
  const split = Math.round(0.68 * height);
  drawSpectrogram(context, mono, rate, width, split, colours(style));
  context.fillStyle = style.getPropertyValue("--wave");
  drawWaveform(context, mono, width, split, height - split);
}

function mixed(samples, channels) {
  if (channels === 1) return samples;
  return Float32Array.from({ length: samples.length / channels }, (_, i) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += samples[i * channels + c];
    return sum / channels;
  });
}

function drawWaveform(context, mono, width, top, height) {
  let peak = 1e-3;
  for (const x of mono) peak = Math.max(peak, Math.abs(x));
  for (let column = 0; column < width; column++) {
    const from = Math.floor(column * mono.length / width);
    const to = Math.max(from + 1, Math.floor((column + 1) * mono.length / width));
    let low = Infinity, high = -Infinity;
    for (let i = from; i < to; i++) {
      low = Math.min(low, mono[i]);
      high = Math.max(high, mono[i]);
    }
    const y = top + height * (0.5 - 0.46 * high / peak);
    context.fillRect(column, y, 1, Math.max(1, height * 0.46 * (high - low) / peak));
  }
}

function drawSpectrogram(context, mono, rate, width, height, colour) {
  const magnitudes = spectrogram(mono, rate), image = context.createImageData(FRAMES, ROWS);
  const top = Math.max(...magnitudes, 1e-9);
  magnitudes.forEach((value, i) => {
    const level = Math.max(0, 1 + 20 * Math.log10(value / top + 1e-12) / RANGE_DB);
    image.data.set(colour[Math.round(255 * level)], 4 * i);
  });
  const small = new OffscreenCanvas(FRAMES, ROWS);
  small.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, width, height);
}

// Magnitudes [ROWS * FRAMES], the highest frequency first; rows are spaced evenly on the mel scale.
function spectrogram(mono, rate) {
  const out = new Float32Array(ROWS * FRAMES), re = new Float32Array(WINDOW), im = new Float32Array(WINDOW);
  const hop = mono.length / FRAMES, highest = Math.log1p(rate / 2 / 700);
  const bins = Array.from({ length: ROWS + 1 }, (_, r) => 700 * Math.expm1(highest * r / ROWS) / rate * WINDOW);
  for (let frame = 0; frame < FRAMES; frame++) {
    const start = Math.round(frame * hop + hop / 2 - WINDOW / 2);
    for (let i = 0; i < WINDOW; i++) re[i] = (mono[start + i] ?? 0) * (0.5 - 0.5 * Math.cos(2 * Math.PI * i / WINDOW));
    im.fill(0);
    fourier(re, im);
    for (let row = 0; row < ROWS; row++) {
      const from = Math.floor(bins[row]), to = Math.max(from, Math.ceil(bins[row + 1]) - 1);
      let most = 0;
      for (let k = from; k <= to; k++) most = Math.max(most, Math.hypot(re[k], im[k]));
      out[(ROWS - 1 - row) * FRAMES + frame] = most;
    }
  }
  return out;
}

// Fourier transform in place; the length is a power of two.
export function fourier(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let size = 2; size <= n; size *= 2) {
    for (let k = 0; k < size / 2; k++) {
      const c = Math.cos(2 * Math.PI * k / size), s = -Math.sin(2 * Math.PI * k / size);
      for (let a = k; a < n; a += size) {
        const b = a + size / 2, x = re[b] * c - im[b] * s, y = re[b] * s + im[b] * c;
        re[b] = re[a] - x;
        im[b] = im[a] - y;
        re[a] += x;
        im[a] += y;
      }
    }
  }
}

// 256 colours [r, g, b, a] between those that the page's style names for quiet, middle and loud.
function colours(style) {
  const stops = ["--quiet", "--middle", "--loud"].map((name) => (
    style.getPropertyValue(name).trim().match(/[0-9a-f]{2}/gi).map((pair) => parseInt(pair, 16))
  ));
  return Array.from({ length: 256 }, (_, i) => {
    const place = i / 255 * (stops.length - 1), low = Math.min(stops.length - 2, Math.floor(place)), t = place - low;
    return [0, 1, 2].map((c) => Math.round(stops[low][c] + t * (stops[low + 1][c] - stops[low][c]))).concat(255);
  });
}

// Calls redraw when the colours or the sizes of pictures change.
export function watchLooks(elements, redraw) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  const seen = new Map();
  const observer = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const size = `${Math.round(contentRect.width)}x${Math.round(contentRect.height)}`;
      if (seen.get(target) !== size && contentRect.width) redraw(target);
      seen.set(target, size);
    }
  });
  for (const element of elements) observer.observe(element);
}
