//! The overlay as a whole: what it draws, what it leaves alone, what it survives.

use super::*;
use bytes::Bytes;
use models::picture::{Chroma, Matrix, Plane, Range};
use schema::frame::FrameMeta;

/// Grey, with a chroma that tells U from V.
fn frame(width: u32, height: u32, chroma: Chroma) -> Frame {
    let planes = [(0, 90), (1, 120), (2, 140)].map(|(plane, value)| {
        let (w, h) = if plane == 0 { (width, height) } else { chroma.plane_size(width, height) };
        // Rows farther apart than they are long, as decoders have them.
        let stride = w as usize + 7;
        Plane { bytes: Bytes::from(vec![value; stride * h as usize]), stride }
    });
    let meta = FrameMeta {
        frame_index: 3,
        media_time_us: MediaTime(120_000),
        wall_time_us: None,
        width,
        height,
    };
    Frame::new(meta, planes, chroma, Range::Limited, Matrix::Bt709).expect("planes that fit")
}

const fn at(x: f32, y: f32) -> ImagePoint {
    ImagePoint { x, y }
}

fn object(id: u32, x: f32, y: f32) -> AnnotatedObject {
    AnnotatedObject {
        track_id: TrackId(id),
        bbox: BBox::from_xywh(x, y, 80.0, 120.0),
        label: "person".into(),
        trail: vec![at(x, y + 150.0), at(x + 20.0, y + 140.0), at(x + 40.0, y + 120.0)],
    }
}

fn annotation() -> Annotation {
    Annotation {
        objects: vec![object(1, 200.0, 60.0), object(2, 230.0, 70.0)],
        lines: vec![AnnotatedLine {
            line: Line { p1: at(20.0, 250.0), p2: at(400.0, 300.0) },
            name: "door".into(),
            forward: 3,
            backward: 1,
            highlight: 0.5,
        }],
        counters: vec![("people".into(), 2)],
        time: MediaTime(120_000),
    }
}

fn luma(frame: &Frame, x: usize, y: usize) -> u8 {
    frame.row(0, y)[x]
}

fn same(a: &Frame, b: &Frame) -> bool {
    (0..3).all(|plane| {
        let (_, height) = a.plane_size(plane);
        (0..height).all(|y| a.row(plane, y) == b.row(plane, y))
    })
}

#[test]
fn without_an_annotation_it_is_a_copy() {
    for chroma in [Chroma::Yuv420, Chroma::Yuv422, Chroma::Yuv444] {
        for (width, height) in [(64, 48), (63, 47), (1, 1)] {
            let drawn = Overlay::new(width, height)
                .draw(&frame(width, height, chroma), &Annotation::default())
                .expect("the right size");
            assert!(same(&drawn, &frame(width, height, Chroma::Yuv420)), "{chroma:?} {width}");
            assert_eq!((drawn.chroma(), drawn.meta().frame_index), (Chroma::Yuv420, 3));
            assert_eq!((drawn.range(), drawn.matrix()), (Range::Limited, Matrix::Bt709));
        }
    }
}

#[test]
fn draws_the_same_again_and_leaves_nothing_behind() {
    let frame = frame(480, 360, Chroma::Yuv420);
    let mut overlay = Overlay::new(480, 360);
    let first = overlay.draw(&frame, &annotation()).expect("the right size");
    assert!(!same(&first, &frame));
    let bare = overlay.draw(&frame, &Annotation::default()).expect("the right size");
    assert!(same(&bare, &frame));
    let second = overlay.draw(&frame, &annotation()).expect("the right size");
    assert!(same(&first, &second));
    assert!(same(&Overlay::new(480, 360).draw(&frame, &annotation()).expect("again"), &first));
}

#[test]
fn a_box_has_the_colour_of_its_track_and_hides_nothing_inside() {
    let frame = frame(480, 360, Chroma::Yuv420);
    let objects = vec![AnnotatedObject { trail: vec![], ..object(1, 200.0, 100.0) }];
    let annotation = Annotation { objects, ..Annotation::default() };
    let drawn = Overlay::new(480, 360).draw(&frame, &annotation).expect("the right size");
    let ink = palette::of_track(TrackId(1)).ink(Range::Limited, Matrix::Bt709);
    // The upper arm of the left upper corner, full strength.
    assert_eq!(luma(&drawn, 212, 100), ink.y);
    assert_eq!((drawn.row(1, 50)[106], drawn.row(2, 50)[106]), (ink.u, ink.v));
    // The thin outline lies between the corners, on all four sides.
    for (x, y) in [(240, 100), (200, 160), (279, 160), (240, 219)] {
        assert_ne!(luma(&drawn, x, y), 90, "at {x}, {y}");
    }
    for (x, y) in [(240, 160), (210, 110), (270, 210), (150, 160), (240, 260)] {
        assert_eq!(luma(&drawn, x, y), 90, "at {x}, {y}");
    }
}

#[test]
fn a_crossing_lights_the_line_up() {
    let frame = frame(480, 360, Chroma::Yuv420);
    let with = |highlight| {
        let mut annotation = annotation();
        annotation.lines[0].highlight = highlight;
        Overlay::new(480, 360).draw(&frame, &annotation).expect("the right size")
    };
    let (rest, flash) = (with(0.0), with(1.0));
    let middle = |frame: &Frame| (frame.row(1, 137)[105], frame.row(2, 137)[105]);
    assert!(middle(&flash).0 + 30 < middle(&rest).0, "{:?} {:?}", middle(&flash), middle(&rest));
}

#[test]
fn anything_can_be_drawn() {
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, -1e9, -3.5, 0.0, 7.3, 1e6];
    for (width, height) in [(1, 1), (2, 3), (17, 9), (3, 400), (426, 240)] {
        let frame = frame(width, height, Chroma::Yuv420);
        let mut overlay = Overlay::new(width, height);
        for (i, a) in odd.into_iter().enumerate() {
            let b = odd[(i * 5 + 2) % odd.len()];
            let line = Line { p1: at(a, b), p2: at(b, a) };
            let annotation = Annotation {
                objects: vec![AnnotatedObject {
                    track_id: TrackId([0, 1, u32::MAX][i % 3]),
                    bbox: BBox { x1: a, y1: b, x2: b, y2: a },
                    label: "a label with \u{0} \u{fffd} 漢字 and no end".repeat(i),
                    trail: vec![at(a, a), at(b, a), at(0.0, b)],
                }],
                lines: vec![AnnotatedLine {
                    line,
                    name: "n".repeat(i * 20),
                    forward: u64::MAX,
                    backward: 0,
                    highlight: a,
                }],
                counters: vec![("x".repeat(i * 10), u64::MAX); i],
                time: MediaTime(i64::MAX),
            };
            overlay.draw(&frame, &annotation).expect("the right size");
        }
    }
}

#[test]
fn a_frame_of_another_size_is_refused() {
    let frame = frame(64, 48, Chroma::Yuv420);
    let error = Overlay::new(64, 50).draw(&frame, &annotation()).expect_err("another size");
    assert!(error.message().contains("64x48") && error.message().contains("64x50"), "{error}");
}
