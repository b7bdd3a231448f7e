//! Which rows of a long list are in the document, and how much empty height stands for the others.
//!
//! Browsers clamp an element at about 16.7 million pixels, so a million rows do not fit. Above [`MAX_HEIGHT`] the
//! scroll height is scaled: the first and the last [`EDGE`] rows have their real height, those between them have less.
//! Only who drags the scroll bar notices: whatever scrolls in smaller steps, as wheels, keys and fingers do, moves rows by
//! their real height everywhere. That is more than the scroll bar has for them: it is put right when the list has come to
//! rest, while the rows stay where they are ([`Position`]).

use crate::session::query::MAX_LIMIT;

/// The greatest height of a list in pixels.
const MAX_HEIGHT: f64 = 8_000_000.0;
/// How many rows at either end scroll at their real height. More than a document ever holds.
const EDGE: f64 = 2_000.0;
/// The part of what the scroll bar moves by with its smallest step from which on a step is not one of a wheel or a key.
const LEAP: f64 = 0.3;
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

/// Where a list is: which row is at the upper edge at which offset.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Position {
    offset: f64,
    /// The row, with its fraction.
    top: f64,
}

impl Position {
    /// The row at the upper edge, as the scroll bar has it.
    pub(super) fn at(offset: f64, viewport: Viewport, total: u64) -> Self {
        let scale = Scale::new(viewport, total);
        let offset = offset.clamp(0.0, scale.travel);
        Self { offset, top: scale.row_at(offset) }
    }

    /// Where the list is once it has been scrolled on from here.
    pub(super) fn scrolled(self, viewport: Viewport, total: u64) -> Self {
        let scale = Scale::new(viewport, total);
        let there = Self::at(viewport.offset, viewport, total);
        let step = there.offset - self.offset;
        // Beyond either end there is nothing to scroll on to.
        let is_at_end = there.offset < 1.0 || scale.travel - there.offset < 1.0;
        if !scale.is_scaled || is_at_end || step.abs() >= scale.leap(viewport) {
            return there;
        }
        Self { top: (self.top + step / scale.row_height).clamp(0.0, scale.last_top), ..there }
    }

    /// The same row where the scroll bar has it, unless it is there.
    pub(super) fn put_right(self, viewport: Viewport, total: u64) -> Option<Self> {
        let right = Self { offset: Scale::new(viewport, total).offset_of(self.top), ..self };
        ((right.offset - self.offset).abs() >= 1.0).then_some(right)
    }

    /// How many pixels of the list are above the upper edge.
    pub(super) fn offset(self) -> f64 {
        self.offset
    }
}

/// How many rows the document needs to fill the screen wherever it is.
pub(super) fn rows_needed(viewport: Viewport) -> usize {
    let rows = (viewport.screen / viewport.row_height).ceil() as u64 + 2 * OVERSCAN + STEP;
    rows.min(u64::from(MAX_LIMIT)) as usize
}

/// What of a list of `total` rows is in a document that holds `pool` of them.
pub(super) fn window(position: Position, viewport: Viewport, total: u64, pool: usize) -> Window {
    let Position { offset, top } = position;
    let height = Scale::new(viewport, total).height;
    let first = (top as u64).saturating_sub(OVERSCAN) / STEP * STEP;
    let rows = total.saturating_sub(first).min(pool as u64);
    let before = (offset - (top - first as f64) * viewport.row_height).max(0.0);
    Window {
        first,
        before,
        after: (height - before - rows as f64 * viewport.row_height).max(0.0),
        top: top as u64,
        bottom: ((top + viewport.rows()).ceil() as u64).min(total),
    }
}

/// Where `row` is at the upper edge, as far as the list can be scrolled.
pub(super) fn position_of(row: u64, viewport: Viewport, total: u64) -> Position {
    let scale = Scale::new(viewport, total);
    let top = (row as f64).min(scale.last_top);
    Position { offset: scale.offset_of(top), top }
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

    /// From which step on it was the scroll bar that moved: its smallest is a pixel of the screen. A key moves by a screen.
    fn leap(&self, viewport: Viewport) -> f64 {
        (LEAP * self.height / viewport.screen).max(viewport.screen)
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

    /// Of a list whose scroll bar has been dragged.
    fn window(viewport: Viewport, total: u64, pool: usize) -> Window {
        super::window(Position::at(viewport.offset, viewport, total), viewport, total, pool)
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

    #[test]
    fn a_list_that_rests_after_each_step_is_walked_through_row_by_row() {
        for total in [1_000_000, 10_000_000] {
            let end = Scale::new(viewport(0.0, 44.0), total).last_top;
            // The last rows before the edge, where the scroll bar has to arrive in time.
            let mut position = position_of(end as u64 - 4_000, viewport(0.0, 44.0), total);
            while position.top < end {
                let at = viewport(position.offset + 700.0, 44.0);
                let next = position.scrolled(at, total);
                let moved = (next.top - position.top) * 44.0;
                assert!((moved - 700.0).abs() < 0.01 || next.top == end && moved <= 700.01, "{position:?} {next:?}");
                position = next.put_right(at, total).unwrap_or(next);
            }
        }
    }

    #[test]
    fn a_list_that_grows_elsewhere_stays_where_it_is() {
        let position = Position::at(4_000_000.0, viewport(4_000_000.0, 44.0), 1_000_000);
        assert_eq!(position.scrolled(viewport(4_000_000.0, 44.0), 1_000_100), position);
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
            let offset = position_of(row, viewport(0.0, 44.0), total).offset();
            let window = window(viewport(offset + 0.001, 44.0), total, pool(44.0));
            prop_assert!(window.first <= row && row < window.first + pool(44.0) as u64);
        }

        #[test]
        fn wheels_and_keys_pass_every_row(
            total in 200_000_u64..20_000_000,
            part in 0.0..1.0_f64,
            steps in prop::collection::vec((-900.0..900.0_f64, any::<bool>()), 1..60),
        ) {
            let row_height = 44.0;
            let scale = Scale::new(viewport(0.0, row_height), total);
            let mut position = Position::at(part * scale.travel, viewport(0.0, row_height), total);
            for (step, rests) in steps {
                let before = position;
                let at = viewport((position.offset + step).clamp(0.0, scale.travel), row_height);
                position = position.scrolled(at, total);
                let moved = (position.top - before.top) * row_height;
                let is_at_end = position.top == 0.0 || position.top == scale.last_top;
                prop_assert!(is_at_end || (moved - step).abs() < 0.01, "{step} moved {moved}");

                let seen = super::window(position, at, total, pool(row_height));
                if let Some(right) = position.put_right(at, total).filter(|_| rests) {
                    let then = super::window(right, viewport(right.offset, row_height), total, pool(row_height));
                    prop_assert_eq!((then.first, then.top, then.bottom), (seen.first, seen.top, seen.bottom));
                    // Each row is where it was on the screen.
                    prop_assert!(((then.before - right.offset) - (seen.before - position.offset)).abs() < 0.01);
                    position = right;
                }
            }
        }
    }
}
