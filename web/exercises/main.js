// The exercises of a page: each element with `data-exercise` holds one as JSON, in a script.

import { exerciseIn } from "./exercise.js";

for (const place of document.querySelectorAll("[data-exercise]"))
  exerciseIn(place, JSON.parse(place.querySelector("script").textContent));
