//! Real footage through the real decoder, drawn scenes against their truth, and broken files.

use std::path::PathBuf;

use super::*;

fn footage(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../footage").join(name)
}

fn frames_of(source: &mut dyn Recording) -> Vec<Picture> {
    std::iter::from_fn(|| source.next_frame().unwrap()).collect()
}

#[test]
fn the_clip_has_its_frames_at_its_rate_and_again_after_a_rewind() {
    let mut clip = open_file(&footage("vtest-a.mp4")).unwrap();
    assert_eq!((clip.fps(), clip.frame_count()), (10.0, Some(400)));
    let first = clip.next_frame().unwrap().unwrap();
    assert_eq!((first.width, first.height, first.pixels.len()), (768, 576, 768 * 576 * 3));
    let mut count = 1;
    let mut last = first.clone();
    while let Some(picture) = clip.next_frame().unwrap() {
        assert_eq!((picture.width, picture.height), (768, 576));
        count += 1;
        last = picture;
    }
    assert_eq!(count, 400);
    assert_ne!(first, last);
    assert_eq!(clip.next_frame().unwrap(), None);
    clip.rewind().unwrap();
    assert_eq!(clip.next_frame().unwrap(), Some(first));
}

#[test]
fn a_picture_is_one_frame_and_a_folder_is_its_pictures_by_name() {
    let mut single = open_file(&footage("astronaut.png")).unwrap();
    assert_eq!(frames_of(&mut *single).len(), 1);
    let folder = tempfile::tempdir().unwrap();
    for (name, grey) in [("b.png", 20), ("a.png", 10), ("c.PNG", 30)] {
        image::RgbImage::from_pixel(4, 3, image::Rgb([grey; 3])).save(folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("notes.txt"), "no picture").unwrap();
    let mut pictures = open_file(folder.path()).unwrap();
    let greys: Vec<u8> = frames_of(&mut *pictures).iter().map(|picture| picture.pixels[0]).collect();
    assert_eq!(greys, [10, 20, 30]);
}

#[test]
fn a_grey_picture_becomes_three_equal_channels() {
    let mut source = open_file(&footage("camera.png")).unwrap();
    let picture = source.next_frame().unwrap().unwrap();
    assert_eq!((picture.width, picture.height), (512, 512));
    assert!(picture.pixels.chunks(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]));
}

#[test]
fn the_drawn_blocks_are_where_the_truth_says() {
    let mut scene = SyntheticScene::new(160, 120).ending_after(Some(200));
    let mut frame = 0;
    while let Some(picture) = scene.next_frame().unwrap() {
        let truth = scene.truth(frame);
        let inside = |x: u32, y: u32| {
            truth.iter().any(|block| (block.x1..block.x2).contains(&x) && (block.y1..block.y2).contains(&y))
        };
        for y in 0..120 {
            for x in 0..160 {
                let pixel = &picture.pixels[((y * 160 + x) * 3) as usize..][..3];
                let is_grey = pixel[0] == pixel[1] && pixel[1] == pixel[2];
                assert_eq!(inside(x, y), !is_grey, "frame {frame} at {x},{y}");
            }
        }
        frame += 1;
    }
    assert_eq!(frame, 200);
    assert_ne!(scene.truth(0), scene.truth(1));
}

#[test]
fn broken_files_are_errors_that_name_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let error = |path: &Path| open_file(path).err().map(|error| error.to_string()).unwrap_or_default();
    std::fs::write(path("a.mp4"), b"no clip at all, only a few words").unwrap();
    assert!(error(&path("a.mp4")).contains("a.mp4 is not a readable mp4"), "{}", error(&path("a.mp4")));
    assert!(error(&path("b.mp4")).starts_with("reading"), "{}", error(&path("b.mp4")));
    assert!(error(&path("c.avi")).contains("neither an mp4"));
    assert!(error(folder.path()).contains("has no .png"));
    let whole = std::fs::read(footage("vtest-a.mp4")).unwrap();
    std::fs::write(path("png.png"), &whole[..100]).unwrap();
    assert!(matches!(open_file(&path("png.png")).unwrap().next_frame(), Err(CameraError::Picture { .. })));
}

#[test]
fn a_clip_cut_short_or_with_damaged_pictures_ends_in_an_error_and_never_in_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(footage("vtest-a.mp4")).unwrap();
    let path = folder.path().join("damaged.mp4");
    let play = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let mut clip = open_file(&path)?;
        // The first frames are enough: the damage is among them.
        for _ in 0..12 {
            clip.next_frame()?;
        }
        Ok::<_, CameraError>(())
    };
    play(&whole).unwrap();
    for part in 1..8 {
        // What is cut last is either the index or pictures far behind the first ones.
        if let Err(error) = play(&whole[..whole.len() * part / 8]) {
            assert!(error.to_string().contains("damaged.mp4"), "{error}");
        }
    }
    let pictures = whole.windows(4).position(|found| found == b"mdat").unwrap() + 4;
    let mut failed = 0;
    for step in 0..20 {
        let mut damaged = whole.clone();
        damaged[pictures + step * 97] ^= 0xff;
        failed += usize::from(play(&damaged).is_err());
    }
    assert!(failed > 0, "no damage was noticed");
}
