// What is put after each module of a package. esbuild gives a module an object of getters, and one that
// hands exports on getters that call those: a function from two doors away is found by four calls, each
// time it is used. Once a module has run its exports are what they are (no cycle, nothing reassigned), so
// they become plain properties.
//
// V8 reads many properties that were added by their names from a hash table; those of an object that is a
// prototype it reads by their place.
exports.SETTLED = `;{
const plain = Object.defineProperty({}, '__esModule', { value: true });
for (const name of Object.keys(module.exports)) plain[name] = module.exports[name];
Object.create(plain);
module.exports = plain;
}`;
