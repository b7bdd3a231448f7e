//! Touches, and what follows from them: places in the default order, and rows to be written.

use std::sync::{MutexGuard, PoisonError, atomic::Ordering};

use app::time::Timestamp;

use super::{Slot, Table, WORD, bit};
use crate::store::{
    bits,
    order::{self, OfType, Order},
    stored_texts::StoredTexts,
};

/// Rows whose session was touched, encoded, and where to go on for more.
pub(crate) struct Touched {
    pub(crate) rows: Vec<(u64, Vec<u8>)>,
    pub(crate) next: Option<usize>,
}

impl Table {
    /// Moves the last-active instant forward; whether it moved.
    pub(crate) fn touch(&self, slot: Slot, now: Timestamp) -> bool {
        let at = slot as usize;
        let moved = self.last_active_at[at].fetch_max(now.as_millis(), Ordering::Relaxed) < now.as_millis();
        if moved {
            self.mark_touched(slot);
            self.changed.set(slot);
            self.moved.set(slot);
        }
        moved
    }

    /// The slots of a page by last activity. Costs a look at each thousand sessions before it, and a move for each
    /// session that was touched since the last page.
    pub(crate) fn page(&self, of_type: OfType, descending: bool, first: u64, limit: u32) -> Vec<Slot> {
        let order = self.settled();
        order.page(of_type, descending, first, limit, self.order_columns())
    }

    /// Moves what was touched to where it belongs: now and then, so that no page has too much to move.
    pub(crate) fn settle(&self) {
        drop(self.settled());
    }

    fn settled(&self) -> MutexGuard<'_, Order> {
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        self.moved.take(|position, moved| {
            for slot in bits::slots(position, moved) {
                order.settle(slot, self.last_active_at(slot).as_millis(), self.order_columns());
            }
        });
        order
    }

    fn order_columns(&self) -> order::Columns<'_> {
        order::Columns { ids: &self.ids, types: &self.types }
    }

    /// Has the row written with the next ones. Released here and acquired in [`Table::take_touched`], so that the bit
    /// is never taken without the instant.
    pub(crate) fn mark_touched(&self, slot: Slot) {
        let at = slot as usize;
        self.touched[at / WORD].fetch_or(bit(at), Ordering::Release);
    }

    /// Takes the slots of which something else is shown than when this was last asked: another last activity, client or
    /// session, or none. Words of bits, as [`bits::slots`] reads them. There is one who asks.
    pub(crate) fn take_changed(&self, each: impl FnMut(usize, u64)) {
        self.changed.take(each);
    }

    /// Takes rows that were touched since they were last taken: from a position on, and once there are `enough`, no
    /// further.
    pub(crate) fn take_touched(&self, from: usize, enough: usize, texts: &mut StoredTexts) -> Touched {
        let mut rows = Vec::new();
        for (position, word) in self.touched.iter().enumerate().skip(from) {
            if rows.len() >= enough {
                return Touched { rows, next: Some(position) };
            }
            if word.load(Ordering::Relaxed) != 0 {
                let slots = bits::slots(position, word.swap(0, Ordering::Acquire));
                rows.extend(slots.map(|slot| (self.id(slot).0, self.row(slot).encode(texts))));
            }
        }
        Touched { rows, next: None }
    }
}
