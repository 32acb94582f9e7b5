//! A code drawn large, dark on light, for a model or an OCR to read. The letters are
//! strokes, so that no font is needed and their edges are smooth; each letter's mask is
//! computed once per process. Pure: what varies is passed in.

use std::sync::OnceLock;

use super::{code::LETTERS, png::Palette};

/// Pixels.
pub const WIDTH: usize = 512;
/// Pixels.
pub const HEIGHT: usize = 144;

/// Steps between paper and ink.
const SHADES: usize = 16;
/// A letter's mask, with room for its strokes' width.
const CELL: (usize, usize) = (46, 72);
/// From one letter to the next.
const ADVANCE: usize = 56;
/// The strokes' box inside a mask.
const INSET: f32 = 6.0;
/// Half a stroke's width.
const RADIUS: f32 = 4.2;

type Stroke = [f32; 4];

/// Strokes on a grid of 4 by 6, from the upper left: x, y to x, y.
fn strokes(letter: u8) -> &'static [Stroke] {
    match letter {
        b'A' => &[[0., 6., 2., 0.], [2., 0., 4., 6.], [0.7, 4., 3.3, 4.]],
        b'E' => &[[0., 0., 0., 6.], [0., 0., 4., 0.], [0., 3., 3.4, 3.], [0., 6., 4., 6.]],
        b'F' => &[[0., 0., 0., 6.], [0., 0., 4., 0.], [0., 3., 3.4, 3.]],
        b'H' => &[[0., 0., 0., 6.], [4., 0., 4., 6.], [0., 3., 4., 3.]],
        b'K' => &[[0., 0., 0., 6.], [0., 3.6, 3.8, 0.], [1.2, 2.6, 4., 6.]],
        b'L' => &[[0., 0., 0., 6.], [0., 6., 4., 6.]],
        b'M' => &[[0., 6., 0., 0.], [0., 0., 2., 4.], [2., 4., 4., 0.], [4., 0., 4., 6.]],
        b'N' => &[[0., 6., 0., 0.], [0., 0., 4., 6.], [4., 6., 4., 0.]],
        b'T' => &[[0., 0., 4., 0.], [2., 0., 2., 6.]],
        b'V' => &[[0., 0., 2., 6.], [2., 6., 4., 0.]],
        b'X' => &[[0., 0., 4., 6.], [4., 0., 0., 6.]],
        b'Y' => &[[0., 0., 2., 3.], [4., 0., 2., 3.], [2., 3., 2., 6.]],
        b'Z' => &[[0., 0., 4., 0.], [4., 0., 0., 6.], [0., 6., 4., 6.]],
        _ => &[],
    }
}

fn distance(x: f32, y: f32, [ax, ay, bx, by]: Stroke) -> f32 {
    let (dx, dy) = (bx - ax, by - ay);
    let along = (((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
    (x - ax - along * dx).hypot(y - ay - along * dy)
}

/// How dark each pixel of a letter is, in shades.
fn mask(letter: u8) -> Vec<u8> {
    let (width, height) = CELL;
    let (unit_x, unit_y) =
        ((width as f32 - 2.0 * INSET) / 4.0, (height as f32 - 2.0 * INSET) / 6.0);
    let strokes: Vec<Stroke> = strokes(letter)
        .iter()
        .map(|[ax, ay, bx, by]| {
            let (x, y) = (|x: f32| INSET + x * unit_x, |y: f32| INSET + y * unit_y);
            [x(*ax), y(*ay), x(*bx), y(*by)]
        })
        .collect();
    let mut mask = Vec::with_capacity(width * height);
    for row in 0..height {
        for column in 0..width {
            let (x, y) = (column as f32 + 0.5, row as f32 + 0.5);
            let nearest = strokes.iter().map(|stroke| distance(x, y, *stroke));
            let nearest = nearest.fold(f32::INFINITY, f32::min);
            let cover = (RADIUS + 0.5 - nearest).clamp(0.0, 1.0);
            mask.push((cover * (SHADES - 1) as f32).round() as u8);
        }
    }
    mask
}

fn masks() -> &'static [Vec<u8>] {
    static MASKS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    MASKS.get_or_init(|| LETTERS.iter().map(|letter| mask(*letter)).collect())
}

/// One palette index per pixel. `jitter` moves each letter by what it says of it, from 0
/// to 255.
pub fn pixels(code: &str, jitter: &[u8]) -> Vec<u8> {
    let mut pixels = vec![0; WIDTH * HEIGHT];
    let written = ADVANCE * code.len().saturating_sub(1) + CELL.0;
    let left = WIDTH.saturating_sub(written) / 2;
    for (n, letter) in code.bytes().enumerate() {
        let Some(at) = LETTERS.iter().position(|known| *known == letter) else { continue };
        let moved = usize::from(jitter.get(n).copied().unwrap_or(128)) * 6 / 256;
        let top = (HEIGHT - CELL.1) / 2 + moved - 3;
        let mask = &masks()[at];
        for (row, line) in mask.chunks(CELL.0).enumerate() {
            let from = (top + row) * WIDTH + left + n * ADVANCE;
            let Some(to) = pixels.get_mut(from..from + CELL.0) else { continue };
            for (pixel, shade) in to.iter_mut().zip(line) {
                *pixel = (*pixel).max(*shade);
            }
        }
    }
    pixels
}

/// From paper to ink; `tint` says of which colours, light and dark enough whatever it is.
pub fn palette(tint: [u8; 6]) -> Palette {
    let paper = [tint[0], tint[1], tint[2]].map(|t| 226 + t / 9);
    let ink = [tint[3], tint[4], tint[5]].map(|t| t / 4);
    (0..SHADES)
        .map(|shade| {
            let mix = |n: usize| {
                let (paper, ink) = (usize::from(paper[n]), usize::from(ink[n]));
                let mixed = paper * (SHADES - 1 - shade) + ink * shade;
                u8::try_from(mixed / (SHADES - 1)).unwrap_or(u8::MAX)
            };
            [mix(0), mix(1), mix(2)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_has_strokes_and_its_own_look() {
        for (n, one) in masks().iter().enumerate() {
            assert!(one.iter().filter(|shade| **shade > 8).count() > 300);
            for other in &masks()[n + 1..] {
                let differing = one.iter().zip(other).filter(|(a, b)| a.abs_diff(**b) > 8).count();
                assert!(differing > 120, "{differing}");
            }
        }
    }

    #[test]
    fn nothing_is_drawn_outside_whatever_the_jitter() {
        for jitter in [0, 255] {
            let drawn = pixels("AEFHKLMN", &[jitter; 8]);
            let edge = |row: usize| &drawn[row * WIDTH..(row + 1) * WIDTH];
            assert!(edge(0).iter().chain(edge(HEIGHT - 1)).all(|shade| *shade == 0));
            assert!(drawn.chunks(WIDTH).all(|row| row[0] == 0 && row[WIDTH - 1] == 0));
        }
    }

    #[test]
    fn ink_stays_dark_on_light_paper() {
        for tint in [[0; 6], [255; 6]] {
            let palette = palette(tint);
            assert!(palette[0].iter().all(|c| *c >= 226));
            assert!(palette[SHADES - 1].iter().all(|c| *c <= 63));
        }
    }
}
