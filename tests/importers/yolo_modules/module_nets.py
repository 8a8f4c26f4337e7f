"""Small networks of the modules that checkpoints hold, in torch: written for the tests from the published definitions.

Attributes and names of children are those of the originals, for a pickle holds them; what each gives is computed here
by torch, so that the graphs which detquant writes are held to something else than themselves.
"""

from __future__ import annotations

import torch
from torch import nn


def seeded(net):
    """The network with statistics of its own, in evaluation mode."""
    torch.manual_seed(5)
    for one in net.modules():
        if isinstance(one, nn.BatchNorm2d):
            one.eps = 1e-3
            one.running_mean.normal_(0, 0.2)
            one.running_var.uniform_(0.5, 1.5)
            one.weight.data.uniform_(0.5, 1.5)
            one.bias.data.normal_(0, 0.2)
        if isinstance(one, nn.Conv2d) and one.weight.requires_grad:
            one.weight.data.normal_(0, (2 / one.weight[0].numel()) ** 0.5)
    for name, one in net.named_modules():
        if name.endswith(("cv3.0.2", "cv3.1.2", "cv3.2.2")):
            one.weight.data *= 0.05  # scores that are 1 in float have no order
    return net.eval()


class Conv(nn.Module):
    def __init__(self, c1, c2, k=1, s=1, g=1, d=1, act=True):
        super().__init__()
        self.conv = nn.Conv2d(c1, c2, k, s, d * (k - 1) // 2 if k != 6 else 2, groups=g, dilation=d, bias=False)
        self.bn = nn.BatchNorm2d(c2)
        self.act = act if isinstance(act, nn.Module) else nn.SiLU() if act else nn.Identity()

    def forward(self, x):
        return self.act(self.bn(self.conv(x)))


class DWConv(Conv):
    def __init__(self, c1, c2, k=1, s=1):
        super().__init__(c1, c2, k, s, g=c1)


class Focus(nn.Module):
    def __init__(self, c1, c2, k):
        super().__init__()
        self.conv = Conv(4 * c1, c2, k)

    def forward(self, x):
        pieces = x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]
        return self.conv(torch.cat(pieces, 1))


class Bottleneck(nn.Module):
    def __init__(self, c1, c2, shortcut=True, e=0.5):
        super().__init__()
        self.cv1, self.cv2 = Conv(c1, int(c2 * e), 3), Conv(int(c2 * e), c2, 3)
        self.add = shortcut and c1 == c2

    def forward(self, x):
        return x + self.cv2(self.cv1(x)) if self.add else self.cv2(self.cv1(x))


class C3(nn.Module):
    def __init__(self, c1, c2, n=1, shortcut=True):
        super().__init__()
        c = c2 // 2
        self.cv1, self.cv2, self.cv3 = Conv(c1, c), Conv(c1, c), Conv(2 * c, c2)
        self.m = nn.Sequential(*(Bottleneck(c, c, shortcut, 1.0) for _ in range(n)))

    def forward(self, x):
        return self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), 1))


class C3k(C3):
    pass


class BottleneckCSP(nn.Module):
    def __init__(self, c1, c2):
        super().__init__()
        c = c2 // 2
        self.cv1, self.cv4 = Conv(c1, c), Conv(2 * c, c2)
        self.cv2, self.cv3 = nn.Conv2d(c1, c, 1, bias=False), nn.Conv2d(c, c, 1, bias=False)
        self.bn, self.act = nn.BatchNorm2d(2 * c), nn.LeakyReLU(0.1)
        self.m = nn.Sequential(Bottleneck(c, c, True, 1.0))

    def forward(self, x):
        return self.cv4(self.act(self.bn(torch.cat((self.cv3(self.m(self.cv1(x))), self.cv2(x)), 1))))


class C2f(nn.Module):
    def __init__(self, c1, c2, blocks):
        super().__init__()
        self.c = c2 // 2
        self.cv1, self.cv2 = Conv(c1, 2 * self.c), Conv((2 + len(blocks)) * self.c, c2)
        self.m = nn.ModuleList(blocks)

    def forward(self, x):
        made = list(self.cv1(x).chunk(2, 1))
        for block in self.m:
            made.append(block(made[-1]))
        return self.cv2(torch.cat(made, 1))


class C3k2(C2f):
    pass


class C2fCIB(C2f):
    pass


class RepVGGDW(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv, self.conv1 = Conv(c, c, 7, g=c, act=False), Conv(c, c, 3, g=c, act=False)
        self.act = nn.SiLU()

    def forward(self, x):
        return self.act(self.conv(x) + self.conv1(x))


class CIB(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.cv1 = nn.Sequential(
            Conv(c, c, 3, g=c), Conv(c, 2 * c), RepVGGDW(2 * c), Conv(2 * c, c), Conv(c, c, 3, g=c)
        )
        self.add = True

    def forward(self, x):
        return x + self.cv1(x)


class SCDown(nn.Module):
    def __init__(self, c1, c2):
        super().__init__()
        self.cv1, self.cv2 = Conv(c1, c2), Conv(c2, c2, 3, 2, g=c2, act=False)

    def forward(self, x):
        return self.cv2(self.cv1(x))


class SPPF(nn.Module):
    def __init__(self, c1, c2, add=None):
        super().__init__()
        c = c1 // 2
        self.cv1, self.cv2 = Conv(c1, c, act=add is None), Conv(4 * c, c2)
        self.m = nn.MaxPool2d(5, 1, 2)
        if add is not None:
            self.n, self.add = 3, add

    def forward(self, x):
        made = [self.cv1(x)]
        for _ in range(3):
            made.append(self.m(made[-1]))
        found = self.cv2(torch.cat(made, 1))
        return found + x if getattr(self, "add", False) else found


class SPP(nn.Module):
    def __init__(self, c1, c2):
        super().__init__()
        self.cv1, self.cv2 = Conv(c1, c1 // 2), Conv(c1 // 2 * 4, c2)
        self.m = nn.ModuleList(nn.MaxPool2d(k, 1, k // 2) for k in (5, 9, 13))

    def forward(self, x):
        x = self.cv1(x)
        return self.cv2(torch.cat([x, *(one(x) for one in self.m)], 1))


class SPPCSPC(nn.Module):
    def __init__(self, c1, c):
        super().__init__()
        self.cv1, self.cv2, self.cv3, self.cv4 = Conv(c1, c), Conv(c1, c), Conv(c, c, 3), Conv(c, c)
        self.m = nn.ModuleList(nn.MaxPool2d(k, 1, k // 2) for k in (5, 9, 13))
        self.cv5, self.cv6, self.cv7 = Conv(4 * c, c), Conv(c, c, 3), Conv(2 * c, c)

    def forward(self, x):
        one = self.cv4(self.cv3(self.cv1(x)))
        pooled = self.cv6(self.cv5(torch.cat([one, *(pool(one) for pool in self.m)], 1)))
        return self.cv7(torch.cat((pooled, self.cv2(x)), 1))


class RepConv(nn.Module):
    def __init__(self, c1, c2):
        super().__init__()
        self.act = nn.SiLU()
        self.rbr_identity = nn.BatchNorm2d(c1) if c1 == c2 else None
        self.rbr_dense = nn.Sequential(nn.Conv2d(c1, c2, 3, 1, 1, bias=False), nn.BatchNorm2d(c2))
        self.rbr_1x1 = nn.Sequential(nn.Conv2d(c1, c2, 1, bias=False), nn.BatchNorm2d(c2))

    def forward(self, x):
        found = self.rbr_dense(x) + self.rbr_1x1(x)
        return self.act(found if self.rbr_identity is None else found + self.rbr_identity(x))


class MP(nn.Module):
    def __init__(self):
        super().__init__()
        self.m = nn.MaxPool2d(2, 2)

    def forward(self, x):
        return self.m(x)


class SP(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.m = nn.MaxPool2d(k, 1, k // 2)

    def forward(self, x):
        return self.m(x)


class Shortcut(nn.Module):
    def forward(self, x):
        return x[0] + x[1]


class Concat(nn.Module):
    def __init__(self):
        super().__init__()
        self.d = 1

    def forward(self, x):
        return torch.cat(x, self.d)


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.num_heads, self.head_dim = heads, dim // heads
        self.key_dim = self.head_dim // 2
        self.scale = self.key_dim**-0.5
        self.qkv = Conv(dim, dim + 2 * self.key_dim * heads, act=False)
        self.proj, self.pe = Conv(dim, dim, act=False), Conv(dim, dim, 3, g=dim, act=False)

    def forward(self, x):
        b, c, h, w = x.shape
        mixed = self.qkv(x).view(b, self.num_heads, 2 * self.key_dim + self.head_dim, h * w)
        q, k, v = mixed.split([self.key_dim, self.key_dim, self.head_dim], 2)
        near = torch.einsum("bhdi,bhdj->bhij", q, k).mul(self.scale).softmax(-1)
        seen = torch.einsum("bhdj,bhij->bhdi", v, near).reshape(b, c, h, w)
        return self.proj(seen + self.pe(v.reshape(b, c, h, w)))


class PSABlock(nn.Module):
    def __init__(self, c, heads=2):
        super().__init__()
        self.attn = Attention(c, heads)
        self.ffn = nn.Sequential(Conv(c, 2 * c), Conv(2 * c, c, act=False))
        self.add = True

    def forward(self, x):
        x = x + self.attn(x)
        return x + self.ffn(x)


class C2PSA(nn.Module):
    def __init__(self, c, n=1):
        super().__init__()
        self.c = c // 2
        self.cv1, self.cv2 = Conv(c, 2 * self.c), Conv(2 * self.c, c)
        self.m = nn.Sequential(*(PSABlock(self.c) for _ in range(n)))

    def forward(self, x):
        a, b = self.cv1(x).split(self.c, 1)
        return self.cv2(torch.cat((a, self.m(b)), 1))


class PSA(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c // 2
        self.cv1, self.cv2 = Conv(c, 2 * self.c), Conv(2 * self.c, c)
        self.attn = Attention(self.c, 2)
        self.ffn = nn.Sequential(Conv(self.c, 2 * self.c), Conv(2 * self.c, self.c, act=False))

    def forward(self, x):
        a, b = self.cv1(x).split(self.c, 1)
        b = b + self.attn(b)
        return self.cv2(torch.cat((a, b + self.ffn(b)), 1))


class DFL(nn.Module):
    def __init__(self, bins):
        super().__init__()
        self.conv = nn.Conv2d(bins, 1, 1, bias=False).requires_grad_(False)
        self.conv.weight.data[:] = torch.arange(bins, dtype=torch.float).view(1, bins, 1, 1)

    def forward(self, x):
        b, c, a = x.shape
        numbers = self.conv.weight.view(-1)
        return (x.view(b, 4, c // 4, a).softmax(2) * numbers[None, None, :, None]).sum(2)


class Detect(nn.Module):
    """Ultralytics' head: `lean` has classes by single channels (YOLO11), `pairs` a second pair of branches."""

    def __init__(self, nc, ch, bins=16, lean=True, pairs=False):
        super().__init__()
        self.nc, self.nl, self.reg_max, self.no = nc, len(ch), bins, nc + 4 * bins
        self.stride = torch.tensor([8.0, 16.0, 32.0])
        for start in ("", "one2one_")[: 2 if pairs else 1]:
            boxes = (nn.Sequential(Conv(c, 16, 3), Conv(16, 16, 3), nn.Conv2d(16, 4 * bins, 1)) for c in ch)
            setattr(self, f"{start}cv2", nn.ModuleList(boxes))
            setattr(self, f"{start}cv3", nn.ModuleList(self.classes(c, lean) for c in ch))
        self.dfl = DFL(bins) if bins > 1 else nn.Identity()

    def classes(self, c, lean):
        if not lean:
            return nn.Sequential(Conv(c, 16, 3), Conv(16, 16, 3), nn.Conv2d(16, self.nc, 1))
        first = nn.Sequential(DWConv(c, c, 3), Conv(c, 16))
        return nn.Sequential(first, nn.Sequential(DWConv(16, 16, 3), Conv(16, 16)), nn.Conv2d(16, self.nc, 1))

    def forward(self, maps):
        pairs = hasattr(self, "one2one_cv2")
        cv2, cv3 = (self.one2one_cv2, self.one2one_cv3) if pairs else (self.cv2, self.cv3)
        rows = []
        for level, x in enumerate(maps):
            h, w = x.shape[2:]
            y, x0 = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
            at = torch.stack((x0.reshape(-1), y.reshape(-1)))[None]
            sides = self.dfl(cv2[level](x).flatten(2))
            low, high = at - sides[:, :2], at + sides[:, 2:]
            box = torch.cat((low, high) if pairs else ((low + high) / 2, high - low), 1) * self.stride[level]
            rows.append(torch.cat((box, cv3[level](x).flatten(2).sigmoid()), 1))
        whole = torch.cat(rows, 2)
        if not pairs:
            return whole
        boxes, scores = whole[0, :4].T, whole[0, 4:].T
        kept = scores.amax(1).topk(min(300, len(scores))).indices
        best = scores[kept].flatten().topk(len(kept))
        cells = kept[best.indices // self.nc]
        return torch.cat((boxes[cells], best.values[:, None], (best.indices % self.nc)[:, None].float()), 1)[None]


class v10Detect(Detect):
    pass


ANCHORS = torch.tensor(
    [[[10, 13], [16, 30], [33, 23]], [[30, 61], [62, 45], [59, 119]], [[116, 90], [156, 198], [373, 326]]]
)


class Anchored(nn.Module):
    """The head of YOLOv5, with `implicit` that of YOLOv7."""

    def __init__(self, nc, ch, implicit=False):
        super().__init__()
        self.nc, self.no, self.nl, self.na = nc, nc + 5, len(ch), 3
        self.stride = torch.tensor([8.0, 16.0, 32.0])
        self.register_buffer("anchors", ANCHORS.float() / self.stride.view(-1, 1, 1))
        self.m = nn.ModuleList(nn.Conv2d(c, 3 * self.no, 1) for c in ch)
        if implicit:
            self.ia = nn.ModuleList(ImplicitA(c) for c in ch)
            self.im = nn.ModuleList(ImplicitM(3 * self.no) for _ in ch)

    def forward(self, maps):
        rows = []
        for level, x in enumerate(maps):
            x = self.m[level](self.ia[level](x) if hasattr(self, "ia") else x)
            x = self.im[level](x) if hasattr(self, "im") else x
            b, _, h, w = x.shape
            s = x.view(b, 3, self.no, h, w).permute(0, 1, 3, 4, 2).sigmoid()
            y, x0 = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
            s[..., :2] = (s[..., :2] * 2 - 0.5 + torch.stack((x0, y), -1)) * self.stride[level]
            s[..., 2:4] = (s[..., 2:4] * 2) ** 2 * ANCHORS[level].view(1, 3, 1, 1, 2)
            rows.append(s.reshape(b, -1, self.no))
        return torch.cat(rows, 1)


class IDetect(Anchored):
    pass


class ImplicitA(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.implicit = nn.Parameter(torch.randn(1, c, 1, 1) * 0.2)

    def forward(self, x):
        return self.implicit + x


class ImplicitM(ImplicitA):
    def forward(self, x):
        return self.implicit * x


class Net(nn.Module):
    """Rows of what a layer reads and the layer; the last one is a head."""

    def __init__(self, rows):
        super().__init__()
        self.model = nn.Sequential(*(layer for _, layer in rows))
        for place, (sources, layer) in enumerate(rows):
            layer.i, layer.f = place, sources

    def forward(self, x):
        made = []
        for layer in self.model:
            read = [made[f] if made else x for f in (layer.f if isinstance(layer.f, list) else [layer.f])]
            made.append(layer(read if isinstance(layer.f, list) else read[0]))
        return made[-1]


def up():
    return nn.Upsample(None, 2, "nearest")


def body(stem, third, fourth, fifth, head):
    """Stem to stride 8, three levels, and one way up: all heads read strides 8, 16 and 32."""
    return Net(
        [
            *((-1, layer) for layer in (*stem, third, fourth)),
            (-1, fifth),
            (-1, up()),
            ([-1, len(stem) + 1], Concat()),
            (-1, Conv(64, 32, 3)),
            ([len(stem), len(stem) + 5, len(stem) + 2], head),
        ]
    )


def stem(first):
    return [first, Conv(8, 16, 3, 2), Conv(16, 16, 3, 2)]


def leaky(c1, c2, k=1, s=1):
    return Conv(c1, c2, k, s, act=nn.LeakyReLU(0.1))


def tiny_elan(c1, half, c2):
    """YOLOv7-tiny's stage: all of its results are joined."""
    narrow = [(-1, leaky(c1, half)), (-2, leaky(c1, half)), (-1, leaky(half, half, 3)), (-1, leaky(half, half, 3))]
    return [*narrow, ([-1, -2, -3, -4], Concat()), (-1, leaky(4 * half, c2))]


def yolov7_tiny():
    """``cfg/training/yolov7-tiny.yaml`` of WongKinYiu/yolov7, row by row, with an eighth of the channels."""
    pools = [(-1, SP(5)), (-2, SP(9)), (-3, SP(13)), ([-1, -2, -3, -4], Concat())]
    return Net(
        [
            *[(-1, leaky(3, 4, 3, 2)), (-1, leaky(4, 8, 3, 2)), *tiny_elan(8, 4, 8)],
            *[(-1, MP()), *tiny_elan(8, 8, 16)],  # 14
            *[(-1, MP()), *tiny_elan(16, 16, 32)],  # 21
            *[(-1, MP()), *tiny_elan(32, 32, 64)],
            *[(-1, leaky(64, 32)), (-2, leaky(64, 32)), *pools, (-1, leaky(128, 32))],
            *[([-1, -7], Concat()), (-1, leaky(64, 32))],  # 37
            *[(-1, leaky(32, 16)), (-1, up()), (21, leaky(32, 16)), ([-1, -2], Concat()), *tiny_elan(32, 8, 16)],  # 47
            *[(-1, leaky(16, 8)), (-1, up()), (14, leaky(16, 8)), ([-1, -2], Concat()), *tiny_elan(16, 4, 8)],  # 57
            *[(-1, leaky(8, 16, 3, 2)), ([-1, 47], Concat()), *tiny_elan(32, 8, 16)],  # 65
            *[(-1, leaky(16, 32, 3, 2)), ([-1, 37], Concat()), *tiny_elan(64, 16, 32)],  # 73
            *[(57, leaky(8, 16, 3)), (65, leaky(16, 32, 3)), (73, leaky(32, 64, 3))],
            ([74, 75, 76], IDetect(4, (16, 32, 64), implicit=True)),
        ]
    )


def nets():
    """The networks by what they are like."""
    return {
        "yolo11": lambda: body(
            [*stem(Conv(3, 8, 3, 2)), C3k2(16, 16, [Bottleneck(8, 8)])],
            C3k2(16, 16, [C3k(8, 8, 2)]),
            nn.Sequential(Conv(16, 32, 3, 2), SPPF(32, 32)),
            nn.Sequential(Conv(32, 32, 3, 2), C2PSA(32, 2)),
            Detect(4, (16, 32, 32)),
        ),
        "yolo26": lambda: body(
            [*stem(Conv(3, 8, 3, 2)), C3k2(16, 16, [Bottleneck(8, 8)])],
            C3k2(16, 16, [nn.Sequential(Bottleneck(8, 8), PSABlock(8))]),
            nn.Sequential(Conv(16, 32, 3, 2), SPPF(32, 32, True)),
            nn.Sequential(Conv(32, 32, 3, 2), C2PSA(32)),
            Detect(4, (16, 32, 32), bins=1, pairs=True),
        ),
        "yolov10": lambda: body(
            [*stem(Conv(3, 8, 3, 2)), C2f(16, 16, [Bottleneck(8, 8)])],
            C2fCIB(16, 16, [CIB(8)]),
            nn.Sequential(SCDown(16, 32), SPPF(32, 32)),
            nn.Sequential(SCDown(32, 32), PSA(32)),
            v10Detect(4, (16, 32, 32), pairs=True),
        ),
        "yolov5u": lambda: body(
            stem(Conv(3, 8, 6, 2)),
            C3(16, 16),
            nn.Sequential(Conv(16, 32, 3, 2), C3(32, 32, 2, False)),
            nn.Sequential(Conv(32, 32, 3, 2), SPPF(32, 32)),
            Detect(4, (16, 32, 32), lean=False),
        ),
        "yolov5": lambda: body(
            stem(Focus(3, 8, 3)),
            BottleneckCSP(16, 16),
            nn.Sequential(Conv(16, 32, 3, 2), C3(32, 32)),
            nn.Sequential(Conv(32, 32, 3, 2, act=nn.Hardswish()), SPP(32, 32)),
            Anchored(4, (16, 32, 32)),
        ),
        "yolov7": lambda: body(
            stem(Conv(3, 8, 3, 2, act=nn.LeakyReLU(0.1))),
            RepConv(16, 16),
            nn.Sequential(MP(), RepConv(16, 32), SP(5)),
            nn.Sequential(MP(), SPPCSPC(32, 32)),
            IDetect(4, (16, 32, 32), implicit=True),
        ),
        "yolov7-tiny": yolov7_tiny,
    }
