# Copyright (c) mmavs developers. All rights reserved.
"""CCDM: the classifier, the generator, the memory and what two processes hold."""

import math

import pytest
import torch
import torch.multiprocessing as mp

from mmavs.models.queries import ClassMixture
from mmavs.models.queries.gaussian_mixture import Gaussians, estimate, responsibilities
from mmavs.registry import MODELS
from mmavs.testing import golden_error, load_golden

K, D, Q = 3, 8, 12


def build(**kwargs):
    return MODELS.build(dict(type='ClassMixture', **{'num_classes': K, 'embed_dims': D, **kwargs}))


def randomised(**kwargs):
    """A mixture in float64 whose Gaussians are anything."""
    torch.manual_seed(0)
    mixture = build(**kwargs).double()
    mixture.means.normal_()
    mixture.variances.uniform_(0.2, 2)
    mixture.weights.copy_(torch.rand_like(mixture.weights) + 0.1)
    mixture.weights /= mixture.weights.sum(-1, keepdim=True)
    return mixture


def images(step, count, matched=4, num_classes=K):
    """Queries (count, Q, D) and labels (count, Q) of a step; some queries stand for a class."""
    generator = torch.Generator().manual_seed(step)
    queries = torch.randn(count, Q, D, generator=generator)
    labels = torch.full((count, Q), num_classes)
    labels[:, :matched] = torch.randint(0, num_classes, (count, matched), generator=generator)
    return queries + labels[..., None] * torch.linspace(-1, 1, D), labels


def train(mixture, steps, count=2):
    for step in steps:
        queries, labels = images(step, count)
        mixture.enqueue(mixture.normalize(queries), labels)
        mixture.em_update()
    return mixture


def same(one, other):
    """Whether two state dicts are equal, bit by bit."""
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


# The classifier


def test_golden_of_eq_1_and_2():
    arrays, _ = load_golden('gmmseg_ops')
    mixture = build(num_classes=3, embed_dims=16, score_norm='none').double()
    mixture.means.copy_(torch.from_numpy(arrays['mu']))
    mixture.variances.copy_(torch.from_numpy(arrays['sigma']).double().square())
    mixture.weights.copy_(torch.from_numpy(arrays['pi']))
    g = torch.from_numpy(arrays['x']).double()
    assert golden_error(arrays, 'log_mix', mixture.log_density(g)) < 1e-5
    assert golden_error(arrays, 'posterior', mixture.posterior(g)) < 1e-5
    mixture.score = 'max'
    assert golden_error(arrays, 'gmmseg_class_score_max', mixture.log_density(g)) < 1e-5


def plain_log_density(mixture, g):
    """Equation 2 for one vector, by loops."""
    classes, components, dims = mixture.means.shape
    scores = torch.zeros(classes).double()
    for c in range(classes):
        density = 0.0
        for m in range(components):
            term = mixture.weights[c, m]
            for d in range(dims):
                variance = mixture.variances[c, m, d]
                offset = (g[d] - mixture.means[c, m, d]) ** 2
                term = term * torch.exp(-offset / (2 * variance))
                term = term / torch.sqrt(2 * math.pi * variance)
            density = density + term
        scores[c] = torch.log(density)
    return scores


@pytest.mark.parametrize('score_norm', ['dims', 'layernorm', 'none'])
def test_logits_are_those_of_the_equations(score_norm):
    mixture = randomised(score_norm=score_norm, tau=0.2)
    queries = torch.randn(2, 3, D).double()
    offsets = queries - queries.mean(-1, keepdim=True)
    g = offsets / (offsets.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    expected = torch.stack([plain_log_density(mixture, row) for row in g.view(-1, D)])
    expected = expected.view(2, 3, K + 1)
    if score_norm == 'dims':
        expected = expected / (D * 0.2)
    if score_norm == 'layernorm':
        offsets = expected - expected.mean(-1, keepdim=True)
        expected = offsets / (offsets.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    assert torch.allclose(mixture(queries), expected, rtol=1e-9)
    powers = expected.exp()
    posterior = mixture.posterior(mixture.normalize(queries))
    assert torch.allclose(posterior, powers / powers.sum(-1, keepdim=True))


@pytest.mark.parametrize('score', ['logsumexp', 'max'])
@pytest.mark.parametrize('score_norm', ['dims', 'layernorm', 'none'])
def test_gradients(score, score_norm):
    mixture = randomised(score=score, score_norm=score_norm)
    queries = torch.randn(4, D).double().requires_grad_()
    assert torch.autograd.gradcheck(mixture, queries)
    trained = {name for name, _ in mixture.named_parameters()}
    assert trained == ({'class_norm.weight', 'class_norm.bias'} if score_norm[0] == 'l' else set())


def test_an_update_between_forward_and_backward_changes_no_gradient():
    gradients = []
    for update in (False, True):
        mixture = train(build(), range(6))
        queries = images(9, 2)[0].requires_grad_()
        loss = mixture(queries)[..., 0].sum()
        if update:
            train(mixture, [7])
        loss.backward()
        gradients.append(queries.grad)
    assert torch.equal(*gradients)


def test_stays_float32_under_autocast():
    mixture = train(build(), range(6))
    queries = images(9, 2)[0]
    expected = mixture(queries)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        found, lifted = mixture(queries), mixture(queries.bfloat16())
        trained = train(build(), range(6))
    assert torch.equal(found, expected)
    assert lifted.dtype == torch.float32
    assert same(trained.state_dict(), mixture.state_dict())


def test_logits_at_256_channels_are_of_a_size_to_train_with():
    """Log densities of 256 channels differ by dozens: their softmax is 0 or 1, ours is not."""
    torch.manual_seed(0)
    centres = torch.randn(256) + 0.4 * torch.randn(K + 1, 256)
    mixture = build(embed_dims=256)
    labels = torch.arange(K + 1).repeat(8)
    for _ in range(20):
        queries = centres[labels] + torch.randn(len(labels), 256)
        mixture.enqueue(mixture.normalize(queries)[None], labels[None])
        mixture.em_update()
    g = mixture.normalize(centres[labels] + torch.randn(len(labels), 256))
    assert mixture.logits(g).argmax(1).equal(labels)
    literal = mixture.log_density(g).softmax(1).amax(1)
    assert literal.median() > 1 - 1e-6
    assert 0.5 < mixture.posterior(g).amax(1).median() < 0.999


# The generator


def test_samples_are_of_the_mixture():
    mixture = randomised().float()
    drawn = mixture.sample(torch.full((200, 100), 1))
    weights, means = mixture.weights[1, :, None], mixture.means[1]
    mean = (weights * means).sum(0)
    variance = (weights * (mixture.variances[1] + means.square())).sum(0) - mean.square()
    rows = drawn.flatten(0, 1)
    assert drawn.shape == (200, 100, D)
    assert not drawn.requires_grad
    assert ((rows.mean(0) - mean).abs() < 5 * (variance / len(rows)).sqrt()).all()
    assert torch.allclose(rows.var(0), variance, rtol=0.1)


def test_samples_follow_the_generator_and_the_class():
    mixture = train(build(), range(20))
    classes = torch.tensor([[0, 2, -1], [1, -1, -1]])
    drawn = [mixture.sample(classes, torch.Generator().manual_seed(s)) for s in (3, 3, 4)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert (drawn[0][classes < 0] == 0).all()
    many = torch.arange(K).repeat(200)
    drawn = mixture.sample(many, torch.Generator().manual_seed(0))
    assert (mixture.posterior(drawn).argmax(1) == many).float().mean() > 0.6  # by chance 0.33
    assert mixture.sample(torch.zeros(0, 2, dtype=torch.long)).shape == (0, 2, D)
    assert mixture.sample(torch.tensor(1)).shape == (D,)


# The memory and EM


def test_memory_is_a_queue_of_the_newest():
    mixture = build(memory_size=5, min_samples=1, num_components=1, unmatched_per_image=2)
    kept = {c: [] for c in range(K + 1)}
    for step in range(8):
        g, labels = images(step, 2, matched=9)
        mixture.enqueue(g, labels)
        for row, label in zip(g.flatten(0, 1), labels.flatten().tolist()):
            kept[label].append(row)
    for c in range(K):
        newest = torch.stack(kept[c][-5:])
        held = mixture.memory.queries[c]
        assert sorted(held.tolist()) == sorted(newest.tolist())
        assert mixture.memory.enqueued[c] == len(kept[c])
    assert mixture.memory.enqueued[K] == 8 * 2 * 2  # two of the three of each image


def test_unmatched_queries_are_chosen_by_chance():
    """Each as often as another, at most as many as an image has, none of them twice."""
    mixture = build(memory_size=4000, unmatched_per_image=3)
    labels = torch.full((1, 5), K)
    marks = torch.arange(5.0)[None, :, None].expand(1, 5, D)
    for _ in range(1000):
        mixture.enqueue(marks, labels)
    picked = mixture.memory.queries[K, :3000, 0].view(1000, 3)
    assert all(len(row.unique()) == 3 for row in picked)
    counts = picked.long().flatten().bincount(minlength=5)
    assert ((counts - 600).abs() < 5 * math.sqrt(1000 * 0.6 * 0.4)).all()
    few = build(unmatched_per_image=8)
    few.enqueue(marks, labels)
    assert few.memory.enqueued.tolist() == [0, 0, 0, 5]


def test_update_is_an_em_step_with_momentum():
    mixture = train(build(e_step='soft', momentum=0.7, weight_smoothing=0.01), range(10))
    queries, labels = images(50, 2)
    mixture.enqueue(mixture.normalize(queries), labels)
    fresh = labels.unique().tolist()
    before = {name: getattr(mixture, name).clone() for name in Gaussians._fields}
    mixture.em_update()
    for c in range(K + 1):
        old = Gaussians(*(before[name][c].double() for name in Gaussians._fields))
        if c not in fresh:
            assert torch.equal(mixture.means[c], before['means'][c])
            continue
        held = mixture.memory.queries[c, : mixture.memory.enqueued[c]].double()
        there = torch.ones(len(held), dtype=torch.bool)
        new = estimate(held, responsibilities(held, old, there, 'soft'), old, 0.01)
        new = new._replace(variances=new.variances.clamp(1e-2, 4))
        for name, a, b in zip(Gaussians._fields, old, new):
            assert torch.allclose(getattr(mixture, name)[c].double(), 0.7 * a + 0.3 * b, atol=1e-6)


@pytest.mark.parametrize(
    'e_step, shares',
    [('soft', (0.5, 0.3, 0.2)), ('sinkhorn', (0.4, 0.35, 0.25)), ('hard', (1,) * 3)],
)
@pytest.mark.parametrize('cov', ['diag', 'spherical'])
def test_recovers_a_known_mixture(e_step, shares, cov):
    torch.manual_seed(0)
    shares = torch.tensor(shares) / sum(shares)
    means = torch.tensor([[3.0, 0, 0, 0], [0, 3, 0, 0], [0, 0, 3, 3]])
    spread = torch.tensor([[0.3, 0.5, 0.7, 0.4], [0.6, 0.6, 0.2, 0.3], [0.5, 0.4, 0.5, 0.5]])
    if cov == 'spherical':
        spread = spread.mean(1, keepdim=True).expand(3, 4)
    mixture = build(
        num_classes=1, embed_dims=4, e_step=e_step, cov=cov, memory_size=3000, no_object=False
    )
    number = torch.multinomial(shares, 3000, replacement=True)
    data = means[number] + spread[number] * torch.randn(3000, 4)
    for part in (*data[:200].split(20), data[200:]):  # the first ones are few, as in training
        mixture.enqueue(part[None], torch.zeros(1, len(part), dtype=torch.long))
        mixture.em_update()
    for _ in range(50):
        mixture.memory.fresh[0] = True
        mixture.em_update()
    order = torch.cdist(means, mixture.means[0]).argmin(1)
    assert sorted(order.tolist()) == [0, 1, 2]
    error = spread / (3000 * shares[:, None]).sqrt()
    assert ((mixture.means[0, order] - means).abs() < 5 * error).all()
    assert torch.allclose(mixture.variances[0, order].sqrt(), spread, rtol=0.1)
    assert torch.allclose(mixture.weights[0, order], shares, atol=0.04)
    if cov == 'spherical':
        assert (mixture.variances.amax(-1) == mixture.variances.amin(-1)).all()


# What may come


def test_a_class_that_never_comes_and_one_that_comes_once():
    mixture = build()
    for step in range(30):
        queries, labels = images(step, 2)
        labels[labels == 2] = 1
        if step == 3:
            labels[0, 0] = 2
        mixture.enqueue(mixture.normalize(queries), labels)
        mixture.em_update()
    assert mixture.filled.tolist() == [True, True, False, True]
    assert mixture.memory.enqueued[2] == 1
    g = mixture.normalize(images(99, 2)[0])
    broad = torch.distributions.Normal(0, 1).log_prob(g).sum(-1)
    assert torch.allclose(mixture.log_density(g)[..., 2], broad, atol=1e-4)
    assert all(x.isfinite().all() for x in mixture.state_dict().values())
    assert mixture.sample(torch.tensor([0, 1, 2, 3])).isfinite().all()


def test_one_query_again_and_again():
    """Variances stay above their least value, and nothing becomes NaN."""
    mixture = build()
    row = mixture.normalize(torch.arange(float(D)))[None, None].expand(1, 20, D)
    for _ in range(20):
        mixture.enqueue(row, torch.zeros(1, 20, dtype=torch.long))
        mixture.em_update()
    assert torch.allclose(mixture.means[0], row[0, :3], atol=1e-5)
    assert torch.allclose(mixture.variances[0], torch.tensor(1e-2))
    assert mixture(torch.zeros(2, D)).isfinite().all()
    assert mixture.posterior(row[0, :1])[0, 0] > 0.9


@pytest.mark.parametrize('empty', [(0, Q), (2, 0)])
def test_empty_batches(empty):
    mixture = train(build(), range(10))
    before = {name: value.clone() for name, value in mixture.state_dict().items()}
    mixture.enqueue(torch.zeros(*empty, D), torch.zeros(empty, dtype=torch.long))
    mixture.em_update()
    before['memory.steps'] += 1
    assert same(before, mixture.state_dict())
    assert mixture(torch.zeros(*empty, D)).shape == (*empty, K + 1)


def test_without_no_object():
    mixture = train(build(no_object=False), range(20))
    assert mixture.filled.tolist() == [True] * K + [False]
    assert (mixture.memory.enqueued[K] == 0) and (mixture.means[K] == 0).all()


def test_resume_restores_everything(tmp_path):
    """Saved in the middle of a step, loaded elsewhere, continued: bit by bit the same."""
    mixture = train(build(memory_size=12), range(12))
    queries, labels = images(40, 2)
    mixture.enqueue(mixture.normalize(queries), labels)
    torch.save(mixture.state_dict(), tmp_path / 'mixture.pth')
    resumed = build(memory_size=12)
    resumed.load_state_dict(torch.load(tmp_path / 'mixture.pth', weights_only=True))
    assert same(mixture.state_dict(), resumed.state_dict())
    for each in (mixture, resumed):
        each.em_update()
        train(each, range(50, 60))
    assert same(mixture.state_dict(), resumed.state_dict())


def shares_of(step):
    """Images of each of two processes; now and then one has none."""
    return [(2, 1), (0, 3), (1, 0), (2, 2)][step % 4]


def _train_a_share(rank, folder):
    torch.set_num_threads(1)  # the threads of the parent are not in a fork
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2
    )
    torch.manual_seed(rank)  # processes have chances of their own
    mixture = build(memory_size=30)
    for step in range(20):
        queries, labels = images(step, sum(shares_of(step)))
        mine = slice(0, shares_of(step)[0]) if rank == 0 else slice(shares_of(step)[0], None)
        mixture.enqueue(mixture.normalize(queries[mine]), labels[mine])
        mixture.em_update()
        mixture.sample(torch.tensor([rank]))
    torch.save(mixture.state_dict(), f'{folder}/{rank}.pt')
    torch.distributed.destroy_process_group()


def test_two_processes_hold_what_one_holds_of_all_images(tmp_path):
    mp.start_processes(_train_a_share, (str(tmp_path),), nprocs=2, start_method='fork')
    first, second = (torch.load(tmp_path / f'{rank}.pt', weights_only=True) for rank in range(2))
    alone = build(memory_size=30)
    for step in range(20):
        queries, labels = images(step, sum(shares_of(step)))
        alone.enqueue(alone.normalize(queries), labels)
        alone.em_update()
    assert alone.filled.all()
    assert (alone.memory.enqueued > 30).any()
    assert same(first, second)
    for name, value in alone.state_dict().items():
        assert torch.allclose(first[name].double(), value.double(), atol=1e-6), name


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(cov='full'), "cov must be one of .*got 'full'"),
        (dict(e_step='gibbs'), 'e_step must be one of'),
        (dict(score='mean'), 'score must be one of'),
        (dict(score_norm='batch'), 'score_norm must be one of'),
        (dict(num_components=0), 'num_components of at least 1'),
        (dict(tau=0), 'tau above 0'),
        (dict(momentum=1.0), r'momentum in \[0, 1\)'),
        (dict(memory_size=8), 'min_samples must be between 1 and memory_size=8, got 12'),
        (dict(var_range=(0, 1)), 'var_range must be two rising numbers'),
    ],
)
def test_wrong_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ClassMixture(K, D, **kwargs)


def test_what_does_not_fit():
    mixture = build()
    with pytest.raises(
        ValueError, match=r'queries \(V, Q, 8\) and labels \(V, Q\), got \(2, 12, 4'
    ):
        mixture.enqueue(torch.zeros(2, Q, 4), torch.zeros(2, Q, dtype=torch.long))
    for label in (-1, K + 1):
        with pytest.raises(ValueError, match=f'Labels of queries are 0 to 3, got .*{label}'):
            mixture.enqueue(torch.zeros(1, Q, D), torch.full((1, Q), label))
