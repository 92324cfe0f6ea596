// The frame is as high as the card in it.
const frame = document.querySelector('iframe.card');
const fit = () => { if (frame.contentDocument?.body) frame.style.height = `${frame.contentDocument.body.getBoundingClientRect().bottom + 16}px`; };
frame.addEventListener('load', fit);
addEventListener('resize', fit);
fit();
