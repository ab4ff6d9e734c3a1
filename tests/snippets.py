"""One file in each language that a grammar is packaged for, with what can be read of its names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Snippet:
    """A file, and what a reviewer of one line of it would look up.

    Attributes:
        text: The whole file.
        changed: The text of the line that is under review.
        imported: The lines of the imports that this line uses.
        calls: What the line calls, each with what stands before it.
        header: The header of what the line stands in.
        definition: What is shown of the definition in the same file that the line calls.
    """

    text: str
    changed: str
    imported: str
    calls: tuple[tuple[str, str], ...]
    header: str
    definition: str


SNIPPETS = {
    "python": Snippet(
        '''\
import os.path as p
import sys, json
from shop.tax import (
    rate as tax_rate,
    VAT,
)
from . import models


@cached(maxsize=8)
def total(basket, country):
    """Sum up a basket.

    Prices are gross.
    """
    log(basket)
    lines = basket.lines
    net = sum(line.net for line in lines)
    goods = filtered(lines)
    return self.rounded(net * tax_rate(country), p.join(VAT))


def filtered(lines):
    # Gifts cost nothing.
    return [line for line in lines if not line.gift]
''',
        "    goods = filtered(lines)",
        "",
        (("filtered", ""),),
        '@cached(maxsize=8)\ndef total(basket, country):\n    """Sum up a basket.',
        "def filtered(lines):\n    # Gifts cost nothing.\n    return [line for line in lines if not line.gift]",
    ),
    "javascript": Snippet(
        """\
import cart, { price as priceOf, VAT } from './shop/prices.js';
import * as tax from '../tax';
const { join } = require('node:path');

/**
 * Adds up a basket.
 *
 * Gross.
 */
export async function total(basket) {
  const items = basket.items;
  check(items);
  report(items.length);
  const path = join('a', 'b');
  const net = items.map((item) => priceOf(item));
  const rest = more(net);
  return rounded(tax.gross(net, VAT)) + new cart.Fee(rest).value;
}

const rounded = (value) => Math.round(value * 100) / 100;
""",
        "  return rounded(tax.gross(net, VAT)) + new cart.Fee(rest).value;",
        "import cart, { price as priceOf, VAT } from './shop/prices.js';\nimport * as tax from '../tax';",
        (("rounded", ""), ("gross", "tax"), ("Fee", "cart")),
        " * Adds up a basket.\n\u2026\nexport async function total(basket) {",
        "const rounded = (value) => Math.round(value * 100) / 100;",
    ),
    "typescript": Snippet(
        """\
import type { Basket } from '@shop/types';
import fs = require('fs');

export class Till {
  constructor(private readonly rate: number) {
    super();
  }

  /** Adds up a basket. */
  total(basket: Basket): number {
    const first = 0;
    const second = 0;
    const third = 0;
    const fourth = 0;
    const fifth = 0;
    const sixth = 0;
    const seventh = 0;
    return this.rounded(fs.sum<number>(basket as Basket));
  }

  private rounded(value: number): number {
    return Math.round(value);
  }
}
""",
        "    return this.rounded(fs.sum<number>(basket as Basket));",
        "import type { Basket } from '@shop/types';\nimport fs = require('fs');",
        (("rounded", "this"), ("sum", "fs")),
        "export class Till {\n  \u2026\n  /** Adds up a basket. */\n  total(basket: Basket): number {",
        "  private rounded(value: number): number {\n    return Math.round(value);\n  }",
    ),
    "tsx": Snippet(
        """\
import { Row } from './Row';

export function Table(props: Props) {
  return <Row first={label(props)} />;
}

function label(props: Props) {
  return props.label;
}
""",
        "  return <Row first={label(props)} />;",
        "import { Row } from './Row';",
        (("Row", ""), ("label", "")),
        "export function Table(props: Props) {",
        "function label(props: Props) {\n  return props.label;\n}",
    ),
    "go": Snippet(
        """\
package shop

import "fmt"
import (
	pricing "example.org/shop/prices/v2"
	"example.org/shop/tax"
)

// Total adds up a basket.
//
// Gross.
func (t *Till[T]) Total(basket Basket) (float64, error) {
	if len(basket) == 0 {
		return 0, fmt.Errorf("empty")
	}
	value := rounded(pricing.Net(basket) * tax.Rate{Country: "de"}.Value())
	return value, nil
}

func rounded(value float64) float64 {
	return value
}
""",
        '	value := rounded(pricing.Net(basket) * tax.Rate{Country: "de"}.Value())',
        '	pricing "example.org/shop/prices/v2"\n	"example.org/shop/tax"',
        (("rounded", ""), ("Net", "pricing"), ("Value", "tax.Rate"), ("Rate", "tax")),
        "// Total adds up a basket.\n\u2026\nfunc (t *Till[T]) Total(basket Basket) (float64, error) {",
        "func rounded(value float64) float64 {\n	return value\n}",
    ),
    "rust": Snippet(
        """\
use crate::prices::{net, tax as rate, fmt::{self, Write}};
use std::collections::HashMap;
use super::all::*;

/// Adds up a basket.
#[must_use]
pub fn total(basket: &Basket) -> f64 {
    let a = 1;
    let b = 2;
    let c = 3;
    let d = 4;
    rounded(net(basket) * rate::<u8>(a)) + Fee::new(b).value() + fmt::len(c) + mac!(d)
}

fn rounded(value: f64) -> f64 {
    value.round()
}
""",
        "    rounded(net(basket) * rate::<u8>(a)) + Fee::new(b).value() + fmt::len(c) + mac!(d)",
        "use crate::prices::{net, tax as rate, fmt::{self, Write}};",
        (
            ("rounded", ""),
            ("net", ""),
            ("rate", ""),
            ("value", "Fee.new"),
            ("new", "Fee"),
            ("len", "fmt"),
            ("mac", ""),
        ),
        "/// Adds up a basket.\n#[must_use]\npub fn total(basket: &Basket) -> f64 {",
        "fn rounded(value: f64) -> f64 {\n    value.round()\n}",
    ),
    "java": Snippet(
        """\
package shop;

import java.util.List;
import static shop.prices.Prices.net;
import shop.tax.*;

class Till {
  /**
   * Adds up a basket.
   * <p>Gross.
   */
  @Override
  public double total(List<Item> basket) {
    check(basket);
    warn(basket);
    log(basket);
    note(basket);
    List<Item> rest = basket;
    return rounded(net(rest) + new Fee(2).value() + Tax.of(List.of()));
  }

  private static double rounded(double value) {
    return Math.round(value);
  }
}
""",
        "    return rounded(net(rest) + new Fee(2).value() + Tax.of(List.of()));",
        "import java.util.List;\nimport static shop.prices.Prices.net;",
        (("rounded", ""), ("net", ""), ("value", "new.Fee"), ("Fee", ""), ("of", "Tax"), ("of", "List")),
        "class Till {\n   \u2026\n   * Adds up a basket.\n   * <p>Gross.\n   */\n  @Override\n"
        "  public double total(List<Item> basket) {",
        "  private static double rounded(double value) {\n    return Math.round(value);\n  }",
    ),
    "kotlin": Snippet(
        """\
package shop

import shop.prices.net
import shop.tax.Rate as TaxRate
import shop.all.*

/** Adds up a basket. */
@JvmStatic
fun total(basket: Basket): Double {
    return rounded(net(basket) * TaxRate(1).of(basket))
}

fun rounded(value: Double): Double = value
""",
        "    return rounded(net(basket) * TaxRate(1).of(basket))",
        "import shop.prices.net\nimport shop.tax.Rate as TaxRate",
        (("rounded", ""), ("net", ""), ("of", "TaxRate"), ("TaxRate", "")),
        "/** Adds up a basket. */\n@JvmStatic\nfun total(basket: Basket): Double {",
        "fun rounded(value: Double): Double = value",
    ),
    "c": Snippet(
        """\
#include <stdio.h>
#include "shop/prices.h"

/* Adds up a basket. */
static double total(const struct basket *b)
{
    return rounded(net(b) * b->rate(1));
}

static double rounded(double value)
{
    return value;
}
""",
        "    return rounded(net(b) * b->rate(1));",
        "",
        (("rounded", ""), ("net", ""), ("rate", "b")),
        "/* Adds up a basket. */\nstatic double total(const struct basket *b)\n{",
        "static double rounded(double value)\n{\n    return value;\n}",
    ),
    "cpp": Snippet(
        """\
#include "shop/prices.hpp"
using shop::net;

namespace till {
// Adds up a basket.
template <typename T>
double total(const Basket<T>& basket) {
  return rounded(net(basket) * tax::rate<int>(1)) + (new Fee(2))->value();
}

double rounded(double value) { return value; }
}
""",
        "  return rounded(net(basket) * tax::rate<int>(1)) + (new Fee(2))->value();",
        "using shop::net;",
        (("rounded", ""), ("net", ""), ("rate", "tax"), ("value", ""), ("Fee", "")),
        "namespace till {\n\u2026\ndouble total(const Basket<T>& basket) {",
        "double rounded(double value) { return value; }",
    ),
    "csharp": Snippet(
        """\
using System.Text;
using Rate = Shop.Tax.Rate;
using static Shop.Prices;

class Till
{
    /// <summary>Adds up a basket.</summary>
    [Pure]
    public double Total(Basket basket)
    {
        Check(basket);
        Warn(basket);
        Log(basket);
        Note(basket);
        return Rounded(basket.Net(1) * Rate.Of<int>() + new Fee(2).Value);
    }

    private static double Rounded(double value) => value;
}
""",
        "        return Rounded(basket.Net(1) * Rate.Of<int>() + new Fee(2).Value);",
        "using Rate = Shop.Tax.Rate;",
        (("Rounded", ""), ("Net", "basket"), ("Of", "Rate"), ("Fee", "")),
        "class Till\n{\n    /// <summary>Adds up a basket.</summary>\n    [Pure]\n"
        "    public double Total(Basket basket)\n    {",
        "    private static double Rounded(double value) => value;",
    ),
    "ruby": Snippet(
        """\
require 'json'
require_relative '../lib/prices'

class Till < Base
  # Adds up a basket.
  #
  # Gross.
  def total(basket)
    check(basket)
    warn(basket)
    log(basket)
    note(basket)
    rounded(basket.net(1)) * Tax::Rate.new(2).value + nil_safe?(basket)
  end

  def rounded(value)
    value.round
  end
end
""",
        "    rounded(basket.net(1)) * Tax::Rate.new(2).value + nil_safe?(basket)",
        "",
        (
            ("rounded", ""),
            ("net", "basket"),
            ("value", "Tax.Rate.new"),
            ("new", "Tax.Rate"),
            ("nil_safe?", ""),
        ),
        "class Till < Base\n  # Adds up a basket.\n  \u2026\n  def total(basket)",
        "  def rounded(value)\n    value.round\n  end",
    ),
    "php": Snippet(
        """\
<?php
namespace Shop;

use Shop\\Tax\\Rate as TaxRate;
use function Shop\\Prices\\net;
use Shop\\{Fee, Gift as Present};

/** Adds up a basket. */
#[Pure]
function total(Basket $basket): float
{
    return rounded(net($basket) * TaxRate::of($basket->lines(1))) + (new Fee(2))->value;
}

function rounded(float $value): float
{
    return $value;
}
""",
        "    return rounded(net($basket) * TaxRate::of($basket->lines(1))) + (new Fee(2))->value;",
        "use Shop\\Tax\\Rate as TaxRate;\nuse function Shop\\Prices\\net;\nuse Shop\\{Fee, Gift as Present};",
        (("rounded", ""), ("net", ""), ("of", "TaxRate"), ("lines", "basket"), ("Fee", "")),
        "/** Adds up a basket. */\n#[Pure]\nfunction total(Basket $basket): float\n{",
        "function rounded(float $value): float\n{\n    return $value;\n}",
    ),
    "shell": Snippet(
        """\
#!/bin/sh
. ./lib/prices.sh
source tax.bash

# Adds up a basket.
total() {
  local basket=$1
  net "$basket" | rounded "$(rate 2)"
}

rounded() {
  cat
}
""",
        '  net "$basket" | rounded "$(rate 2)"',
        "",
        (("net", ""), ("rounded", ""), ("rate", "")),
        "# Adds up a basket.\ntotal() {",
        "rounded() {\n  cat\n}",
    ),
}
