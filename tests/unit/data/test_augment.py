import torch
import torchvision.transforms.functional as TF

from lets.data.images import crop, cutout, flip


def images(count: int, side: int = 8) -> torch.Tensor:
    return torch.randint(
        256, (count, 3, side, side), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )


def test_crop_is_torchvisions_crop_of_the_padded_image() -> None:
    source = images(5, 32)
    index = torch.tensor([4, 0, 0, 2, 3, 1])
    top, left = torch.tensor([0, 8, 3, 4, 7, 1]), torch.tensor([8, 0, 5, 4, 2, 6])
    padded = torch.nn.functional.pad(source, (4, 4, 4, 4))
    ours = crop(padded, index, top, left, (32, 32))
    for row, i, t, x in zip(ours, index.tolist(), top.tolist(), left.tolist(), strict=True):
        # torchvision pads where the window hangs over the border
        assert torch.equal(row, TF.crop(source[i], t - 4, x - 4, 32, 32))


def test_crop_of_images_that_are_not_square() -> None:
    source = images(2)[:, :, :, :5]
    ours = crop(source, torch.tensor([1]), torch.tensor([2]), torch.tensor([1]), (6, 3))
    assert torch.equal(ours[0], source[1, :, 2:8, 1:4])


def test_flip_is_torchvisions_hflip() -> None:
    source = images(4)
    ours = flip(source, torch.tensor([True, False, True, False]))
    assert torch.equal(ours[0], TF.hflip(source[0]))
    assert torch.equal(ours[2], TF.hflip(source[2]))
    assert torch.equal(ours[1::2], source[1::2])


def test_cutout_against_a_loop() -> None:
    source = images(200, 32).float() + 1
    generator = torch.Generator().manual_seed(1)
    top, left = (torch.randint(-8, 24, (200,), generator=generator) for _ in range(2))
    chosen = torch.rand(200, generator=generator) < 0.5
    ours = cutout(source, top, left, 16, chosen)
    for i in range(200):
        expected = source[i].clone()
        if chosen[i]:
            t, x = int(top[i]), int(left[i])
            expected[:, max(t, 0) : min(t + 16, 32), max(x, 0) : min(x + 16, 32)] = 0
        assert torch.equal(ours[i], expected)
    assert bool((source > 0).all())  # the input is left alone
