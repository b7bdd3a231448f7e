/**
 * The 95 % bootstrap interval of the median, as `server/benches/figures/statistics.rs` reckons it.
 * @param {number[]} numbers
 * @returns {[number, number]}
 */
export function interval(numbers) {
  const count = numbers.length;
  const sorted = [...numbers].sort((one, other) => one - other);
  const bound = (share) => {
    const rank = sorted.findIndex((_, index) => atLeast(Math.ceil(count / 2), count, (index + 1) / count) >= share);
    return sorted.at(rank);
  };
  return [bound(0.025), bound(0.975)];
}

/** How likely so many of so many independent events are, or more. */
function atLeast(happen, events, probability) {
  let sum = 0;
  for (let which = happen; which <= events; which++) {
    let ways = 1;
    for (let drawn = 0; drawn < which; drawn++) ways *= (events - drawn) / (drawn + 1);
    sum += ways * probability ** which * (1 - probability) ** (events - which);
  }
  return sum;
}

/**
 * The middle of some numbers.
 * @param {number[]} numbers
 */
export function median(numbers) {
  const sorted = [...numbers].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
