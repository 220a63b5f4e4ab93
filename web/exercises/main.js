// Entry point of exercise pages: renders each element with `data-exercise` from its JSON script.

import { exerciseIn } from "./exercise.js";

for (const place of document.querySelectorAll("[data-exercise]"))
  exerciseIn(place, JSON.parse(place.querySelector("script").textContent));
