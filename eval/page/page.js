"use strict";
(() => {
  const element = (id) => document.getElementById(id);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const say = (text) => { element("status").textContent = text; };

  // One player at a time.
  document.addEventListener("play", (event) => {
    for (const player of all("audio")) if (player !== event.target) player.pause();
  }, true);

  // Of many players, those in view load; a telephone's browser would refuse to hold them all, and waits for a touch.
  if (matchMedia("(min-width: 50rem)").matches) {
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) entry.target.preload = "metadata";
    });
    for (const player of all("#browse audio[preload=none]")) seen.observe(player);
  }

  // Sorting: what is unknown comes last, either way.
  const compare = (a, b, sign) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const difference = Number(a) - Number(b);
    return sign * (Number.isNaN(difference) ? a.localeCompare(b, undefined, { numeric: true }) : difference);
  };
  const reorder = (parent, items, key, sign) => {
    const sorted = items.map((item, index) => [key(item), index, item]);
    sorted.sort((a, b) => compare(a[0], b[0], sign) || a[1] - b[1]);
    parent.append(...sorted.map((entry) => entry[2]));
  };
  const sorters = all("#sorting button");
  for (const button of sorters) button.addEventListener("click", () => {
    const down = button.getAttribute("aria-pressed") === "true" && button.dataset.direction === "ascending";
    const direction = down ? "descending" : "ascending";
    for (const other of sorters) {
      other.setAttribute("aria-pressed", String(other === button));
      delete other.dataset.direction;
    }
    button.dataset.direction = direction;
    for (const list of all(".clips")) {
      reorder(list, [...list.children], (card) => card.dataset[button.dataset.key], down ? -1 : 1);
    }
    say(`Clips of every set sorted by ${button.textContent.toLowerCase()}, ${direction}.`);
  });
  for (const heading of all("th button")) heading.addEventListener("click", () => {
    const cell = heading.closest("th"), table = heading.closest("table");
    const down = cell.getAttribute("aria-sort") === "ascending";
    for (const other of all("thead th", table)) other.removeAttribute("aria-sort");
    cell.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    reorder(body, [...body.rows], (row) => row.cells[cell.cellIndex].dataset.value, down ? -1 : 1);
    say(`Table sorted by ${heading.textContent}, ${down ? "descending" : "ascending"}.`);
  });

  // Votes, in the browser's storage where it lets the page have one.
  const place = `listening_page/${document.body.dataset.page}`;
  let votes = [], isKept = true;
  const isVote = (row) => row && ["a_set", "b_set", "winner"].every((key) => typeof row[key] === "string");
  const load = () => {
    // A full storage can still be read, and holds less than the page then does.
    if (!isKept) return;
    try {
      const found = JSON.parse(localStorage.getItem(place) || "[]");
      votes = Array.isArray(found) ? found.filter(isVote) : [];
    } catch (error) {
      isKept = error instanceof SyntaxError;
    }
  };
  const save = () => {
    try {
      localStorage.setItem(place, JSON.stringify(votes));
    } catch {
      isKept = false;
    }
    element("kept").textContent = isKept
      ? "Votes are kept in this browser until you delete them."
      : "This browser does not keep the votes: save them before you close the page.";
  };

  const sets = all("section[data-blind]").map((section) => ({
    name: section.dataset.set, isIn: section.dataset.blind === "yes", clips: all("figure", section),
  }));
  const question = document.body.dataset.question;
  const random = (seed) => () => {  // mulberry32: the same pairs for the same seed
    seed = (seed + 0x6D2B79F5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const shuffle = (list, draw) => {
    for (let i = list.length - 1; i > 0; i--) {
      const j = Math.floor(draw() * (i + 1));
      [list[i], list[j]] = [list[j], list[i]];
    }
    return list;
  };
  const wilson = (wins, n) => {  // 95 % interval of a share
    const z = 1.959964, share = wins / n, scale = 1 + z * z / n;
    const middle = (share + z * z / (2 * n)) / scale;
    const half = z * Math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale;
    return [Math.max(0, middle - half), Math.min(1, middle + half)];
  };
  const counted = () => (votes.length === 1 ? "1 vote" : `${votes.length} votes`);
  const percent = (x) => `${(100 * x).toFixed(0)} %`;

  const showResults = () => {
    const pairs = new Map();
    for (const vote of votes) {
      const names = [vote.a_set, vote.b_set].sort();
      const key = JSON.stringify(names);
      if (!pairs.has(key)) pairs.set(key, { names, wins: [0, 0], ties: 0 });
      const pair = pairs.get(key);
      if (vote.winner) pair.wins[names.indexOf(vote.winner)] += 1; else pair.ties += 1;
    }
    const rows = [...pairs.values()].map(({ names, wins, ties }) => {
      const n = wins[0] + wins[1], row = document.createElement("tr");
      const interval = n ? wilson(wins[0], n).map(percent).join(" to ") : "–";
      const texts = [names[0], names[1], wins[0], wins[1], ties, n ? percent(wins[0] / n) : "–", interval];
      texts.forEach((text, index) => {
        const cell = document.createElement(index ? "td" : "th");
        if (!index) cell.scope = "row";
        cell.textContent = text;
        if (index === 1) cell.className = "text";
        row.append(cell);
      });
      return row;
    });
    element("results").tBodies[0].replaceChildren(...rows);
    element("results_box").hidden = rows.length === 0;
    element("count").textContent = `${counted()}.`;
    for (const id of ["save_json", "save_csv", "reset"]) element(id).disabled = votes.length === 0;
  };

  // A trial. What it is about stays out of the document: players get nameless copies of the sound.
  const players = { A: element("audio_a"), B: element("audio_b") };
  let trial = null, chosen = [], draw = null, seed = 0, isLevelled = false, number = 0, queue = [], heard = new Set();
  const HEADER = 44;  // bytes before the samples of the page's wav files
  const copyOf = (clip, gain, seconds) => {
    const bytes = Uint8Array.from(atob(clip.querySelector("audio").src.split(",")[1]), (c) => c.charCodeAt(0));
    const header = new DataView(bytes.buffer), rate = header.getUint32(24, true), frame = header.getUint16(32, true);
    const sound = new Uint8Array(HEADER + Math.round(seconds * rate) * frame), view = new DataView(sound.buffer);
    sound.set(bytes);
    view.setUint32(4, sound.length - 8, true);
    view.setUint32(HEADER - 4, sound.length - HEADER, true);
    for (let i = HEADER; gain < 1 && i < bytes.length; i += 2) {
      view.setInt16(i, Math.round(gain * view.getInt16(i, true)), true);
    }
    return URL.createObjectURL(new Blob([sound], { type: "audio/wav" }));
  };
  // Silence behind the shorter one, so that the players' clocks tell nothing; the louder one as soft as the other.
  const loadPlayers = () => {
    const clips = trial.map(({ clip }) => clip), seconds = Math.max(...clips.map((clip) => clip.dataset.duration));
    const levels = clips.map((clip) => clip.dataset.level), audible = levels.filter((level) => level !== "");
    const softest = Math.min(...audible);
    Object.values(players).forEach((player, i) => {
      const gain = isLevelled && levels[i] !== "" ? 10 ** ((softest - levels[i]) / 20) : 1;
      player.src = copyOf(clips[i], gain, seconds);
    });
  };
  const silence = () => {
    for (const player of Object.values(players)) {
      player.pause();
      if (player.src) URL.revokeObjectURL(player.src);
      player.removeAttribute("src");
      player.load();
    }
  };
  const ready = () => {
    for (const button of all("#blind [data-vote]")) button.setAttribute("aria-disabled", String(heard.size < 2));
  };
  const next = () => {
    silence();
    if (!queue.length) {
      chosen.forEach((a, i) => chosen.slice(i + 1).forEach((b) => queue.push([a, b])));
      shuffle(queue, draw);
    }
    const pair = shuffle([...queue.pop()], draw);
    trial = pair.map((set) => ({ set: set.name, clip: set.clips[Math.floor(draw() * set.clips.length)] }));
    number += 1;
    heard = new Set();
    ready();
    loadPlayers();
    element("trial").textContent = `Pair ${number}`;
  };
  const play = (letter) => {
    const player = players[letter];
    if (!player.paused) { player.pause(); return; }
    player.currentTime = 0;
    player.play().catch(() => say(`Sound ${letter} cannot be played by this browser.`));
  };
  for (const [letter, player] of Object.entries(players)) {
    player.addEventListener("playing", () => { heard.add(letter); ready(); });
    element(`play_${letter.toLowerCase()}`).addEventListener("click", () => play(letter));
  }
  const vote = (answer) => {
    if (heard.size < 2) { say("Listen to both sounds first: keys A and B."); return; }
    const [a, b] = trial;
    load();
    votes.push({
      page: document.title, question, listener: element("listener").value.trim(), time: new Date().toISOString(),
      seed, trial: number, a_set: a.set, a_clip: a.clip.dataset.name, b_set: b.set, b_clip: b.clip.dataset.name,
      same_level: isLevelled ? "yes" : "no", vote: answer, winner: answer === "A" ? a.set : answer === "B" ? b.set : "",
    });
    save();
    next();
    say(`Vote ${votes.length} counted. Pair ${number} is ready.`);
  };
  for (const button of all("#blind [data-vote]")) button.addEventListener("click", () => vote(button.dataset.vote));

  const show = (isBlind) => {
    element("blind").hidden = !isBlind;
    element("browse").hidden = isBlind;
    element(isBlind ? "blind_title" : "test_title").focus();
  };
  const start = () => {
    chosen = sets.filter((_, index) => element(`in_${index}`).checked && sets[index].clips.length);
    if (chosen.length < 2) { say("Choose at least two sets to compare."); return; }
    const typed = element("seed").value.trim();
    if (typed && !/^\d{1,9}$/.test(typed)) { say("The seed must be a whole number of at most nine digits."); return; }
    seed = typed ? Number(typed) : Math.floor(Math.random() * 1e9);
    draw = random(seed);
    isLevelled = element("same_level").checked;
    [number, queue] = [0, []];
    for (const player of all("audio")) player.pause();
    next();
    show(true);
    say("Pair 1 is ready. Keys: A and B play, 1 and 2 vote for A and B, 0 if you can't tell.");
  };
  element("start").addEventListener("click", start);
  element("stop").addEventListener("click", () => {
    silence();
    trial = null;
    showResults();
    show(false);
    say(`The test ended with ${counted()}.`);
  });
  document.addEventListener("keydown", (event) => {
    if (!trial || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const key = event.key.toLowerCase();
    const action = {
      a: () => play("A"), b: () => play("B"), 1: () => vote("A"), 2: () => vote("B"), 0: () => vote("none"),
    }[key];
    if (!action) return;
    event.preventDefault();
    action();
  });

  const download = (name, type, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    say(`${counted()} saved as ${name}.`);
  };
  const columns = ["page", "question", "listener", "time", "seed", "trial", "a_set", "a_clip", "b_set", "b_clip",
    "same_level", "vote", "winner"];
  const quoted = (value) => `"${String(value ?? "").replaceAll('"', '""')}"`;
  element("save_json").addEventListener("click", () => {
    download("votes.json", "application/json", JSON.stringify(votes, null, 2) + "\n");
  });
  element("save_csv").addEventListener("click", () => {
    const rows = votes.map((row) => columns.map((name) => quoted(row[name])).join(","));
    download("votes.csv", "text/csv", [columns.join(","), ...rows].join("\r\n") + "\r\n");
  });
  const reset = element("reset"), resetText = reset.textContent;
  reset.addEventListener("click", () => {
    if (reset.textContent === resetText) {
      reset.textContent = `Press again to delete ${counted()}`;
      say(reset.textContent);
      return;
    }
    votes = [];
    save();
    showResults();
    reset.textContent = resetText;
    say("All votes are deleted.");
  });
  reset.addEventListener("blur", () => { reset.textContent = resetText; });

  sets.forEach((set, index) => {
    const label = document.createElement("label"), box = document.createElement("input");
    [box.type, box.id, box.checked] = ["checkbox", `in_${index}`, set.isIn];
    label.append(box, ` ${set.name}`);
    element("chosen").append(label);
  });
  load();
  save();
  showResults();
  for (const box of all(".needs_script")) box.hidden = false;
  for (const id of ["test", "to_test"]) element(id).hidden = sets.length < 2;
  if (location.hash === "#blind" && sets.length > 1) start();
})();
