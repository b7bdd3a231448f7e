//! Which rows of a long list are in the document, and how much empty height stands for the others.
//!
//! Browsers clamp an element at about 16.7 million pixels, so a million rows do not fit. Above [`MAX_HEIGHT`] the
//! scroll height is scaled: the first and the last [`EDGE`] rows scroll at their real height, what lies between passes
//! faster.

use crate::session::query::MAX_LIMIT;

/// The greatest height of a list in pixels.
const MAX_HEIGHT: f64 = 8_000_000.0;
/// How many rows at either end scroll at their real height. More than a document ever holds.
const EDGE: f64 = 2_000.0;
/// How many rows beyond the visible ones are in the document, on either side.
const OVERSCAN: u64 = 10;
/// The first row in the document is a multiple of this: small scrolls need no new rows.
const STEP: u64 = 10;

/// What the user sees of the list, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Viewport {
    /// How much of the list is above the upper edge.
    pub(super) offset: f64,
    /// From the upper to the lower edge.
    pub(super) height: f64,
    /// The same once what is above the list has been scrolled away, and more: the height of the screen.
    pub(super) screen: f64,
    /// The height of each row.
    pub(super) row_height: f64,
}

/// What of the list is in the document.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Window {
    /// The first row in the document.
    pub(super) first: u64,
    /// The empty height above it in pixels.
    pub(super) before: f64,
    /// The empty height below the last row in the document.
    pub(super) after: f64,
    /// The first row that is at least partly visible.
    pub(super) top: u64,
    /// The row after the last one that is at least partly visible.
    pub(super) bottom: u64,
}

/// How many rows the document needs to fill the screen wherever it is.
pub(super) fn rows_needed(viewport: Viewport) -> usize {
    let rows = (viewport.screen / viewport.row_height).ceil() as u64 + 2 * OVERSCAN + STEP;
    rows.min(u64::from(MAX_LIMIT)) as usize
}

/// What of a list of `total` rows is in a document that holds `pool` of them.
pub(super) fn window(viewport: Viewport, total: u64, pool: usize) -> Window {
    let scale = Scale::new(viewport, total);
    let offset = viewport.offset.clamp(0.0, scale.travel);
    let top = scale.row_at(offset);
    let first = (top as u64).saturating_sub(OVERSCAN) / STEP * STEP;
    let rows = total.saturating_sub(first).min(pool as u64);
    let before = (offset - (top - first as f64) * viewport.row_height).max(0.0);
    Window {
        first,
        before,
        after: (scale.height - before - rows as f64 * viewport.row_height).max(0.0),
        top: top as u64,
        bottom: ((top + viewport.rows()).ceil() as u64).min(total),
    }
}

/// The offset at which `row` is at the upper edge, as far as the list can be scrolled.
pub(super) fn offset_of(row: u64, viewport: Viewport, total: u64) -> f64 {
    let scale = Scale::new(viewport, total);
    scale.offset_of((row as f64).min(scale.last_top))
}

impl Viewport {
    fn rows(self) -> f64 {
        self.height / self.row_height
    }
}

/// How rows and pixels relate.
struct Scale {
    row_height: f64,
    /// Of the list, in the document.
    height: f64,
    /// The greatest offset.
    travel: f64,
    /// The row, with its fraction, that is at the upper edge at the greatest offset.
    last_top: f64,
    is_scaled: bool,
}

impl Scale {
    fn new(viewport: Viewport, total: u64) -> Self {
        let real = total as f64 * viewport.row_height;
        let height = real.min(MAX_HEIGHT);
        Self {
            row_height: viewport.row_height,
            height,
            travel: (height - viewport.height).max(0.0),
            last_top: (total as f64 - viewport.rows()).max(0.0),
            is_scaled: real > MAX_HEIGHT,
        }
    }

    /// How far the edges reach in pixels.
    fn edge(&self) -> f64 {
        EDGE * self.row_height
    }

    /// How many rows go by per pixel between the edges.
    fn pace(&self) -> f64 {
        (self.last_top - 2.0 * EDGE) / (self.travel - 2.0 * self.edge())
    }

    fn row_at(&self, offset: f64) -> f64 {
        let below = self.travel - offset;
        if !self.is_scaled || offset <= self.edge() {
            offset / self.row_height
        } else if below <= self.edge() {
            self.last_top - below / self.row_height
        } else {
            EDGE + (offset - self.edge()) * self.pace()
        }
    }

    fn offset_of(&self, row: f64) -> f64 {
        let below = self.last_top - row;
        if !self.is_scaled || row <= EDGE {
            row * self.row_height
        } else if below <= EDGE {
            self.travel - below * self.row_height
        } else {
            self.edge() + (row - EDGE) / self.pace()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn viewport(offset: f64, row_height: f64) -> Viewport {
        Viewport { offset, height: 800.0, screen: 800.0, row_height }
    }

    fn pool(row_height: f64) -> usize {
        rows_needed(viewport(0.0, row_height))
    }

    #[test]
    fn the_list_begins_with_its_first_row_and_ends_with_its_last() {
        for row_height in [44.0, 116.0] {
            for total in [10, 2_931, 1_000_000, 10_000_000] {
                let pool = pool(row_height);
                let start = window(viewport(0.0, row_height), total, pool);
                assert_eq!((start.first, start.before, start.top), (0, 0.0, 0));

                let height = Scale::new(viewport(0.0, row_height), total).height;
                let end = window(viewport(height - 800.0, row_height), total, pool);
                let rows = total - end.first;
                assert!(rows <= pool as u64, "the last row is in the document");
                assert!(end.after < 0.01, "nothing comes after it: {end:?}");
                assert!((end.before + rows as f64 * row_height - height).abs() < 0.01, "it ends where the list ends");
                assert_eq!(end.bottom, total);
            }
        }
    }

    #[test]
    fn no_list_is_too_high_for_a_browser() {
        let window = window(viewport(0.0, 44.0), 10_000_000, 50);
        assert!(window.before + window.after + 50.0 * 44.0 <= MAX_HEIGHT + 0.01);
    }

    #[test]
    fn a_short_list_is_all_there() {
        let window = window(viewport(0.0, 44.0), 3, pool(44.0));
        assert_eq!(window, Window { first: 0, before: 0.0, after: 0.0, top: 0, bottom: 3 });
    }

    #[test]
    fn an_empty_list_is_nothing() {
        assert_eq!(window(viewport(0.0, 44.0), 0, 50), Window::default());
    }

    proptest! {
        #[test]
        fn what_is_visible_is_in_the_document(
            total in 0_u64..20_000_000,
            part in 0.0..1.0_f64,
            row_height in 30.0..140.0_f64,
        ) {
            let pool = pool(row_height);
            let height = Scale::new(viewport(0.0, row_height), total).height;
            let viewport = viewport(part * height, row_height);
            let window = window(viewport, total, pool);
            prop_assert!(window.first.is_multiple_of(STEP) && window.first <= window.top);
            prop_assert!(window.bottom <= (window.first + pool as u64).min(total));
            // The topmost visible row is drawn at the upper edge.
            let drawn_at = window.before + (window.top - window.first) as f64 * row_height;
            let edge = viewport.offset.min((height - viewport.height).max(0.0));
            prop_assert!((drawn_at - row_height - 0.01..=drawn_at + row_height + 0.01).contains(&edge));
        }

        #[test]
        fn further_down_are_later_rows(total in 1_u64..20_000_000, one in 0.0..1.0_f64, other in 0.0..1.0_f64) {
            let height = Scale::new(viewport(0.0, 44.0), total).height;
            let top = |part: f64| window(viewport(part * height, 44.0), total, 60).top;
            prop_assert!(top(one.min(other)) <= top(one.max(other)));
        }

        #[test]
        fn a_row_is_found_at_its_offset(total in 1_u64..20_000_000, part in 0.0..1.0_f64) {
            let row = (part * total as f64) as u64;
            let offset = offset_of(row, viewport(0.0, 44.0), total);
            let window = window(viewport(offset + 0.001, 44.0), total, pool(44.0));
            prop_assert!(window.first <= row && row < window.first + pool(44.0) as u64);
        }
    }
}
