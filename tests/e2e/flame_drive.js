// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Put into a picture's script: does what a reader does, and keeps what the page said.
(function () {
  var box = boxes.filter(function (b) { return b.name === 'main.main'; })[0].el;
  box.dispatchEvent(new MouseEvent('mouseenter'));
  root.setAttribute('data-detail', byId('detail').textContent);
  box.dispatchEvent(new MouseEvent('click'));
  root.setAttribute('data-first', root.getAttribute('data-zoomed'));
  byId('query').value = 'earlyRecv|main.main';
  byId('query').dispatchEvent(new Event('input'));
  root.setAttribute('data-second', byId('matched').textContent);
  window.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }));
})();
