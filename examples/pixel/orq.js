// Calls such as orq('track', 'jobview') become requests for the pixel. The page says beforehand, in any order:
//
//   orq('init', '<site>', '<customer>');      which customer's website it is
//   orq('consent', true);                     what the visitor answered; nothing is sent or remembered before
//   orq('track', 'jobview', {job: '12'});
//   orq('track', 'apply-start', 'a#apply');   when such an element is clicked, optionally with a certain text
(function () {
  var pixel = document.currentScript.src.replace(/orq\.js.*$/, 'pixel.gif');
  var calls = (window.orq && window.orq.queue) || [];
  var customer;
  var consent = remembered('leadscore_consent') === 'granted';
  var waiting = [];
  var answers = [];

  function remembered(name) {
    var found = document.cookie.match('(?:^|; )' + name + '=([^;]*)');
    return found && decodeURIComponent(found[1]);
  }

  function remember(name, value, seconds) {
    document.cookie = name + '=' + encodeURIComponent(value) + '; path=/; max-age=' + seconds + '; SameSite=Lax';
  }

  function newId() {
    var bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.prototype.map.call(bytes, function (b) { return (b + 256).toString(16).slice(1); }).join('');
  }

  function address(fields) {
    fields.visitor = remembered('leadscore_visitor');
    fields.customer = customer;
    fields.url = location.href;
    fields.id = newId();
    var query = Object.keys(fields).filter(function (name) { return fields[name] != null; }).map(function (name) {
      return name + '=' + encodeURIComponent(fields[name]);
    });
    return pixel + '?' + query.join('&');
  }

  function send(address) {
    answers.push(new Promise(function (answered) {
      var image = new Image();
      image.onload = image.onerror = answered;
      image.src = address;
    }));
  }

  function track(event, details) {
    if (!consent) { waiting.push([event, details]); return; }
    send(address(Object.assign({ event: event, consent: 'granted' }, details)));
  }

  var commands = {
    init: function (site, name) { customer = name; },
    consent: function (answer) {
      if (answer) {
        consent = true;
        remember('leadscore_consent', 'granted', 15552000);
        if (!remembered('leadscore_visitor')) { remember('leadscore_visitor', newId(), 15552000); }
        waiting.splice(0).forEach(function (call) { track(call[0], call[1]); });
      } else {
        if (remembered('leadscore_visitor')) {
          // What is on its way says that there is consent: it must not arrive after the withdrawal.
          Promise.all(answers).then(send.bind(null, address({ event: 'consent', consent: 'denied' })));
        }
        consent = false;
        waiting = [];
        remember('leadscore_consent', '', 0);
        remember('leadscore_visitor', '', 0);
      }
    },
    track: function (event, target, text) {
      if (typeof target !== 'string') { track(event, target); return; }
      document.addEventListener('click', function (click) {
        var element = click.target.closest(target);
        if (element && (!text || element.textContent.indexOf(text) >= 0)) { track(event); }
      });
    }
  };

  window.orq = function (command) {
    if (commands[command]) { commands[command].apply(null, [].slice.call(arguments, 1)); }
  };
  [].slice.call(calls).forEach(function (call) { window.orq.apply(null, call); });
})();
